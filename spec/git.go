package spec

import (
	"maps"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/gitconfig"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// git writes what the user's git is set to as far as it is harmless: a name and
// an e-mail, how commands behave and show things, files to ignore. Nothing of it
// names a program, a key or a server.
func (b *builder) git() {
	h := b.Host
	for _, f := range []struct{ path, text string }{{gitconfig.Ignore, h.GitIgnore}, {gitconfig.Attributes, h.GitAttributes}} {
		if f.text != "" {
			b.file(f.path, f.text)
			b.grant("file", f.path, "ro", builtin, "a copy of your git's own file")
		}
	}
	text := gitconfig.Of(h)
	if b.Policy.Files.Project == policy.ProjectRO && strings.Contains(text, "git-lfs") {
		text += gitconfig.LFS
	}
	if slices.Contains(b.Policy.SSH.Sign, network.SignGit) {
		text += gitconfig.Signed(h.GitSigns, h.GitSignsTags)
	} else {
		maps.Copy(b.env, gitconfig.Unsigned(h.GitSigns, h.GitSignsTags))
	}
	if text == "" {
		return
	}
	b.file("/etc/gitconfig", text)
	why := "your git name and e-mail, nothing else of your git configuration"
	taken := gitconfig.Keys(h.GitSettings)
	if len(h.GitSafe) > 0 {
		taken = append(taken, "safe.directory")
	}
	if len(taken) > 0 {
		why = "your git name and e-mail, and of your settings: " + strings.Join(taken, " ")
	}
	b.grant("file", "/etc/gitconfig", "ro", builtin, why)
}
