package spec

import (
	"path"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host"
)

// agentFolders are those of an agent that is not Claude Code: private ones, for
// the jails of this project alone.
func (b *builder) agentFolders() {
	kept := AgentFolders(b.Host, b.agent)
	for i, f := range b.agent.Folders {
		dir := path.Join(b.Host.Home, f.Path)
		b.bind(kept[i], dir, "rw")
		b.grant("file", dir, "rw", b.origin("agent.name"), b.agent.Title+"'s own, for the jails of this project alone: "+kept[i])
	}
}

// AgentFolders are the host folders that are an agent's folders in a jail, in
// their order. They have to exist before the jail starts.
func AgentFolders(h host.Facts, a agent.Agent) []string {
	if a.Name == agent.Default().Name {
		return []string{PrivateConfig(h)}
	}
	var list []string
	for _, f := range a.Folders {
		list = append(list, path.Join(h.ProjectState, a.Name, f.Path))
	}
	return list
}

// ofOther is the name of the agent, other than Claude Code, whose folder on the
// host has that path in it.
func (b *builder) ofOther(p string) string {
	for _, a := range agent.All() {
		for _, f := range a.Folders {
			if a.Name != agent.Default().Name && paths.Below(p, path.Join(b.Host.Home, f.Path)) {
				return a.Name
			}
		}
	}
	return ""
}

// inHome writes out a value that begins with "~/", which no program does.
func (b *builder) inHome(value string) string {
	if rest, ok := strings.CutPrefix(value, "~/"); ok {
		return path.Join(b.Host.Home, rest)
	}
	return value
}
