package plan

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/policy"
	"github.com/jailed-claude/jailed-claude/spec/policy/define"
)

// calledPrefix begins the names of links to this program that choose an agent:
// jailed-codex.
const calledPrefix = "jailed-"

// CalledAgent is the agent that this program is called after; empty if it has
// another name. jailed-claude says nothing: a policy may name another agent.
func CalledAgent(argv0 string) string {
	name, ok := strings.CutPrefix(filepath.Base(argv0), calledPrefix)
	if !ok || name == agent.Default().Name || !slices.Contains(AgentNames(), name) {
		return ""
	}
	return name
}

// TakeAgent takes the name of an agent, or of its program, off arguments: run codex.
func (o *Options) TakeAgent(args []string, dash int) (rest []string, newDash int) {
	if len(args) == 0 || dash == 0 || o.Agent != "" {
		return args, dash
	}
	name := args[0]
	if !slices.Contains(AgentNames(), name) {
		name = running(name, Own())
	}
	if o.Agent = name; name == "" {
		return args, dash
	}
	return args[1:], max(dash-1, -1)
}

// Own are the agents of the user's own. What is wrong with the policy is said when
// it is merged.
func Own() []agent.Defined {
	layers, err := UserLayers()
	if err != nil {
		return nil
	}
	return policy.Defined(layers)
}

// AgentNames are those of all agents that can be named, for completion.
func AgentNames() []string {
	names := agent.Names()
	for _, d := range Own() {
		names = append(names, d.Name)
	}
	return names
}

// agentOf is the agent of a package, as far as its name tells: ~/bin/codex,
// nixpkgs#codex, a plain codex. Empty for others.
func agentOf(pkg string, own []agent.Defined) string {
	return running(path.Base(pkg[strings.LastIndex(pkg, "#")+1:]), own)
}

// running is the agent that a program starts.
func running(program string, own []agent.Defined) string {
	if d, ok := define.Running(own, program); ok {
		return d.Name
	}
	a, _ := agent.Running(program)
	return a.Name
}

// chosen are the layers with the agent that each of them chooses: by its name,
// or by a package that has its name. A weaker layer's package is dropped where
// a stronger one chooses another agent.
func (o *Options) chosen(layers []*policy.Layer) []*policy.Layer {
	layers = slices.Clone(layers)
	defined := policy.Defined(layers)
	var last *policy.Layer // the strongest so far that has a package
	name := agent.Default().Name
	var of string // the agent of that package
	for i, l := range layers {
		if l == nil || l.Agent.Name == nil && l.Agent.Package == nil {
			continue
		}
		own := *l
		layers[i] = &own
		if p := own.Agent.Package; p != nil && own.Agent.Name == nil {
			if n := agentOf(*p, defined); n != "" {
				own.Agent.Name = &n
			}
		}
		if own.Agent.Name != nil {
			name = *own.Agent.Name
		}
		if own.Agent.Package != nil {
			last, of = &own, name
		}
	}
	if last != nil && of != name && *last.Agent.Package != policy.PackageHost {
		for _, l := range layers {
			if l != nil && l.Agent.Package != nil {
				l.Agent.Package = nil
			}
		}
	}
	return layers
}

// guess is the weakest layer: the agent that the command of a shell is, so that
// "shell -- codex" has what codex needs.
func (o *Options) guess(own []agent.Defined) *policy.Layer {
	if len(o.Command) == 0 {
		return nil
	}
	name := running(o.Command[0], own)
	if name == "" || name == agent.Default().Name {
		return nil
	}
	return &policy.Layer{Name: "the command", Agent: policy.AgentLayer{Name: &name}}
}

// isClaude: the agent is Claude Code, which alone has a configuration that is brought
// piece by piece, and a login of the host's to copy.
func isClaude(in *spec.Input) bool {
	return in.Policy.Agent.Row().Name == agent.Default().Name
}

// bakedFor: what the installation came with is of the agent of that policy.
func bakedFor(p policy.Policy) bool {
	b, name := baked(), p.Agent.Row().Name
	if of := agentOf(b.pkg, nil); of != "" && of != agent.Default().Name {
		return of == name
	}
	return name == agent.Default().Name || p.Origins["agent.name"] == b.policy
}
