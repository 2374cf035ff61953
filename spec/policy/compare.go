package policy

import (
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/define"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
)

// Compare returns how with differs from base: what widens the jail first, each
// half in the order of Keys.
//
// In doubt a change widens. So a grant that lies inside another one is a grant,
// and any change to a fixed variable is, taking it away included: PATH,
// LD_PRELOAD or NODE_OPTIONS decide what every program in the jail does.
func Compare(base, with Policy) []change.Change {
	var changes []change.Change
	for _, r := range rows() {
		switch {
		case r.Type == key.Rows:
			a, b := define.Texts(base.Agent.Define), define.Texts(with.Agent.Define)
			changes = append(changes, r.change.Values(r.Name, &a, &b)...)
		case r.policy != nil:
			changes = append(changes, r.change.Values(r.Name, r.policy(&base), r.policy(&with))...)
		}
	}
	changes = append(changes, compareBrokers(base.Brokers, with.Brokers)...)
	change.Sort(changes)
	return changes
}
