package spec

import (
	"fmt"
	"maps"
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/gitconfig"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// git writes what the user's git is set to as far as it is harmless: a name and
// an e-mail, how commands behave and show things, files to ignore. Nothing of it
// names a program, a key or a server.
func (b *builder) git() {
	h := b.Host
	b.spec.Process.User.Umask = h.Umask
	if open, own := gitconfig.Umask(h); open != own && b.Policy.Files.Project != policy.ProjectRO {
		b.spec.Process.User.Umask = &open
		b.grant("identity", "umask", fmt.Sprintf("%04o", open), builtin, fmt.Sprintf("the repository is shared with others (core.sharedRepository); yours is %04o", own))
	}
	for _, f := range []struct{ path, text string }{{gitconfig.Ignore, h.GitIgnore}, {gitconfig.Attributes, h.GitAttributes}} {
		if f.text != "" {
			b.file(f.path, f.text)
			b.grant("file", f.path, "ro", builtin, "a copy of your git's own file")
		}
	}
	text := gitconfig.Of(h, b.Policy.Files.Project != policy.ProjectRO)
	if slices.Contains(b.Policy.SSH.Sign, network.SignGit) {
		text += gitconfig.Signed(h.GitSigns, h.GitSignsTags)
	} else {
		maps.Copy(b.env, gitconfig.Unsigned(h.GitSigns, h.GitSignsTags))
	}
	if text == "" {
		return
	}
	b.file("/etc/gitconfig", text)
	b.grant("file", "/etc/gitconfig", "ro", builtin, gitconfig.Why(h))
}
