package policy

import (
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
)

// reviewRows are the keys of [review].
func reviewRows() []row {
	return []row{
		{
			Key: Key{
				Name: "review.apply", Type: key.String, Values: []string{ApplyAsk, ApplySafe, ApplyNever},
				Text: "What becomes of a layer when its jail ends: you are asked whether to apply what is ordinary, that is applied, or nothing is. You are asked, if it is left out.",
			},
			own: true,
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{ApplyNever, ApplyAsk, ApplySafe},
				Wider: "changes of the jail come to the project with less of a look at them", Narrower: "changes of the jail wait for you",
			},
			layer:  func(l *Layer) any { return &l.Review.Apply },
			policy: func(p *Policy) any { return &p.Review.Apply },
		},
	}
}
