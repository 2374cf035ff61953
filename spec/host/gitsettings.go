package host

import (
	"path/filepath"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
)

// mostGitText bounds the user's ignore and attributes files: a jail gets a copy.
const mostGitText = 64 << 10

// gitSettings notes what of the user's git goes into a jail.
func (s reader) gitSettings(f *Facts, settings []git.Setting) {
	f.GitName, f.GitEmail = git.Identity(settings)
	f.GitSettings = git.Taken(settings)
	f.GitSafe = git.Safe(settings, f.Home, f.Project.Dir)
	f.GitIgnore = s.gitText(f, settings, "core.excludesfile", "ignore")
	f.GitAttributes = s.gitText(f, settings, "core.attributesfile", "attributes")
	f.GitSigns, f.GitSignsTags = git.Signs(settings)
}

// gitText is the text of a file that one of the user's own variables names, or
// of the one that git reads without it.
func (s reader) gitText(f *Facts, settings []git.Setting, key, usual string) string {
	file, local := git.Last(settings, key)
	if local {
		return "" // the repository's, which a jail reads where it is
	}
	if rest, ok := strings.CutPrefix(file, "~/"); ok {
		file = filepath.Join(f.Home, rest)
	}
	if file == "" {
		dir := s.Env["XDG_CONFIG_HOME"]
		if dir == "" {
			dir = filepath.Join(f.Home, ".config")
		}
		file = filepath.Join(dir, "git", usual)
	}
	if !filepath.IsAbs(file) {
		return ""
	}
	text, err := source.ReadText(file)
	if err != nil || len(text) > mostGitText || strings.ContainsRune(text, 0) {
		return ""
	}
	return text
}
