package spec

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/contract/brief"
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
	for _, dir := range brief.Before(b.Host.GitFront) {
		b.symlink(path.Join(dir, brief.Git), contract.InitPath)
		b.grant("file", path.Join(dir, brief.Git), "ro", builtin, "comes before the jail's own git, and refuses by name what git would leave half done here")
	}
	if b.Policy.Agent.NoBrief {
		return nil
	}
	at := b.agent.Brief
	if at == (agent.Brief{}) {
		return nil
	}
	if at.File != "" {
		content := f.Text()
		if at.Key != "" {
			// A string of JSON is one of TOML.
			quoted, err := json.Marshal(content)
			if err != nil {
				return err
			}
			content = at.Key + " = " + string(quoted) + "\n"
		}
		b.file(at.File, content)
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

// facts are what the steps so far have made.
func (b *builder) facts() brief.Facts {
	f := brief.Facts{
		Version: brief.Version, Agent: b.agent.Name, Project: b.Host.Project.Dir, Home: b.Host.Home,
		Network: brief.NetworkOf(b.Policy.Network.Mode, b.net),
		// Under another runtime nobody writes the list.
		Live: b.Init != "" && b.named(),
	}
	f.Network.From = map[string]string{}
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
		f.Mounts = append(f.Mounts, brief.Mount{Path: at, Mode: mode, Why: why, From: g.From})
	}
	return f
}
