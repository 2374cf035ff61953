package spec

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/policy/define"
)

// agentFolders are those of an agent that is not Claude Code: private ones, for
// the jails of this project alone.
func (b *builder) agentFolders() {
	kept := b.agent.Kept(b.Host.ProjectState)
	for i, f := range b.agent.Folders {
		dir := path.Join(b.Host.Home, f.Path)
		// Also of what lies in a folder of caches, which other agents of the project have:
		// some keep programs there, their own too.
		b.bind(kept[i], dir, "rw")
		b.grant("file", dir, "rw", b.origin("agent.name"), b.agent.Title+"'s own, for the jails of this project alone: "+kept[i])
	}
	for _, v := range b.agent.Set(agent.Always) {
		if b.agent.Own {
			b.grant("environment", v.Name, "fixed", b.origin(define.Section+"="+b.agent.Name), "of the agent "+b.agent.Name)
		}
	}
}

// inHome writes out a value that begins with "~/", which no program does.
func (b *builder) inHome(value string) string {
	if rest, ok := strings.CutPrefix(value, "~/"); ok {
		return path.Join(b.Host.Home, rest)
	}
	return value
}

// sharedConfig prepares the host's own Claude configuration. The folder is
// mounted with the other files, what lies in it and is not for the agent with
// the protected paths: a grant must not come to lie on top.
func (b *builder) sharedConfig() error {
	c := b.Host.ClaudeShared
	if b.agent.Name != agent.Default().Name {
		return fmt.Errorf(`config = "shared" is for Claude Code, and this is %s, which keeps its folders for the jails of this project: write agent.config = "private"`, b.agent.Title)
	}
	if c.Dir == "" {
		return errors.New(`config = "shared", but the host has no ~/.claude: run claude once, or use "private"`)
	}
	if err := b.exposes(c.Dir); err != nil {
		return fmt.Errorf(`config = "shared": %w`, err)
	}
	if c.Dir != b.configDir() {
		b.env[b.agent.Config().Variable] = c.Dir
	}
	// home-manager makes symlinks into the store. Other targets are for the
	// policy to grant: an agent of an earlier jail may have made the link.
	targets := map[string]bool{} // whether it is a folder
	for _, l := range c.Links {
		if paths.Below(l.Target, closure.StoreDir) && !b.inStore(l.Target) {
			targets[l.Target] = l.Dir
		}
	}
	for _, t := range slices.Sorted(maps.Keys(targets)) {
		b.bindKind(t, t, "ro", !targets[t])
		b.grant("file", t, "ro", b.origin("agent.config"), "Claude's configuration leads to it")
	}
	return nil
}

// ofClaude: the path is the host's Claude configuration or lies in it.
func (b *builder) ofClaude(p string) bool {
	c := agent.Default().Config()
	return paths.Below(p, path.Join(b.Host.Home, c.Path)) || p == path.Join(b.Host.Home, c.Beside)
}
