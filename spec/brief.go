package spec

import (
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
	"github.com/jailed-claude/jailed-claude/spec/lent"
)

// Describe returns what there is to say of the jail that Build makes of in.
func Describe(in Input) (brief.Facts, error) {
	_, b, err := build(in)
	if err != nil {
		return brief.Facts{}, err
	}
	return b.facts(), nil
}

// brief tells scripts where they are, and the agent in the way that it has for
// it. Nothing of it grants anything: the program that explains is PID 1's.
func (b *builder) brief() error {
	f := b.facts()
	text, err := f.JSON()
	if err != nil {
		return err
	}
	b.env[brief.Variable] = "1"
	b.file(brief.FactsPath, string(text))
	b.file(brief.TextPath, f.Text())
	if f.Live {
		b.file(brief.RefusedPath, "")
	}
	b.symlink(path.Join(brief.Bin, brief.Why), contract.InitPath)
	for name, why := range brief.Fronts(b.Host.GitFront, b.Host.Failing) {
		b.symlink(path.Join(brief.Front, name), contract.InitPath)
		b.grant("file", path.Join(brief.Front, name), "ro", builtin, why)
	}
	also := b.sandboxOff()
	at := b.agent.Brief
	if b.Policy.Agent.NoBrief || at == (agent.Brief{}) {
		for file, text := range also {
			b.file(file, text)
		}
		return nil
	}
	if at.File != "" {
		content, err := f.TextAs(at.Key)
		if err != nil {
			return err
		}
		b.file(at.File, content+also[at.File])
	}
	if at.Variable != "" {
		if b.says(at.Variable) {
			return nil // the user's own
		}
		b.env[at.Variable] = at.Value
	}
	b.grant("agent", "brief", "", b.origin("agent.no-brief"), "a text about this jail in the agent's context")
	return nil
}

// sandboxOff switches the agent's own sandbox off, which could not be set up. It
// returns the files that do so.
func (b *builder) sandboxOff() map[string]string {
	s := b.agent.Sandbox
	why := b.agent.Title + "'s own sandbox is off, since nobody makes namespaces here: the jail is the sandbox"
	switch {
	case s.Variable != "" && !b.says(s.Variable):
		b.env[s.Variable] = s.Value
		b.grant("environment", s.Variable, "fixed", builtin, why)
	case s.File != "" && !b.Policy.Identity.Nesting:
		b.grant("agent", "own sandbox", "", builtin, why+"; by "+s.File+", which its arguments and settings come before")
		return map[string]string{s.File: s.Text}
	}
	return nil
}

// facts are what the steps so far have made.
func (b *builder) facts() brief.Facts {
	f := brief.Facts{
		Version: brief.Version, Agent: b.agent.Name, Project: b.Host.Project.Dir, Home: b.Host.Home,
		Network: brief.NetworkOf(b.Policy.Network.Mode, b.net),
		// Under another runtime nobody writes the list.
		Live: b.Init != "" && b.named(),
	}
	f.Network.Fixed, f.Network.From = !lent.Open(b.Policy), map[string]string{}
	reasons := map[string]Grant{}
	for _, g := range b.grants {
		switch g.Kind {
		case "file":
			reasons[g.What] = g
		case "network":
			f.Network.From[g.What] = g.From
		case "protected":
			f.Protected = append(f.Protected, brief.Protected{Path: g.What, Why: g.Why, From: g.From})
		case "hidden":
			f.Hidden = append(f.Hidden, brief.Protected{Path: g.What, Why: g.Why, From: g.From})
		}
	}
	taken := func(p string) bool {
		return slices.ContainsFunc(f.Protected, func(o brief.Protected) bool { return o.Path == p }) ||
			slices.ContainsFunc(f.Hidden, func(o brief.Protected) bool { return o.Path == p })
	}
	for _, m := range b.spec.Mounts {
		at := m.Destination
		if paths.Below(at, closure.StoreDir) {
			at = closure.StoreDir
			if slices.ContainsFunc(f.Mounts, func(o brief.Mount) bool { return o.Path == at }) {
				continue // a store has hundreds
			}
		}
		if taken(at) || contract.InFrame(at) {
			continue
		}
		g := reasons[at]
		why, _, _ := strings.Cut(g.Why, ": ") // what follows is a place of the host
		mode := brief.ModeOf(m)
		if _, layer := contract.LayerOf(m); layer {
			mode = brief.Layer
		}
		f.Mounts = append(f.Mounts, brief.Mount{Path: at, Mode: mode, Why: why, Kept: mode == brief.ReadWrite && paths.Below(m.Source, b.Host.StateDir), From: g.From})
	}
	return f
}
