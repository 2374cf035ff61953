package policy

import (
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/policy/define"
)

// nameKey is the key whose values are more than its row knows.
const nameKey = "agent.name"

// Row is the agent of a jail.
func (a Agent) Row() agent.Agent {
	if d, ok := define.Find(a.Define, a.Name); ok {
		return d.Agent()
	}
	return agent.Named(a.Name)
}

// Own are the rows of the user's.
func (a Agent) Own() (rows []agent.Agent) {
	for _, d := range a.Define {
		rows = append(rows, d.Agent())
	}
	return rows
}

// Defined are the agents that layers have of their own; of two of one name that
// of the stronger layer.
func Defined(layers []*Layer) []agent.Defined {
	var p Policy
	p.Origins = map[string]string{}
	for _, l := range layers {
		if l != nil {
			p.applyDefined(l)
		}
	}
	return p.Agent.Define
}

// applyDefined: an agent of a stronger layer replaces that of a weaker one of the
// same name, as a whole and in its place.
func (p *Policy) applyDefined(l *Layer) {
	for _, d := range l.Agent.Define {
		p.Origins[originKey(define.Section, d.Name)] = l.Name
		if i := slices.IndexFunc(p.Agent.Define, func(o agent.Defined) bool { return o.Name == d.Name }); i >= 0 {
			p.Agent.Define = slices.Clone(p.Agent.Define)
			p.Agent.Define[i] = d
		} else {
			p.Agent.Define = append(p.Agent.Define, d)
		}
	}
}
