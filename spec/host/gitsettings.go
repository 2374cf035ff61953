package host

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/storepath"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
)

// mostGitText bounds the user's ignore and attributes files: a jail gets a copy.
const mostGitText = 64 << 10

// gitSettings notes what of the user's git goes into a jail.
func (s reader) gitSettings(f *Facts, settings []git.Setting) {
	f.GitName, f.GitEmail = git.Identity(settings)
	f.GitSettings = git.Taken(settings)
	for _, p := range f.Projects() {
		f.GitSafe = append(f.GitSafe, git.Safe(settings, f.Home, p.Dir)...)
	}
	f.GitSafe = slices.Compact(f.GitSafe)
	f.GitIgnore = s.gitText(f, settings, "core.excludesfile", "ignore")
	f.GitAttributes = s.gitText(f, settings, "core.attributesfile", "attributes")
	f.GitShared = git.Shared(settings)
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
	linked := file == ""
	if linked {
		file = filepath.Join(s.xdg("XDG_CONFIG_HOME", f.Home, ".config"), "git", usual)
	}
	if !filepath.IsAbs(file) {
		return ""
	}
	text, err := ownText(filepath.Clean(file), linked)
	if err != nil || strings.ContainsRune(text, 0) {
		return ""
	}
	return text
}

// ownText reads a file that no jail can have led elsewhere: it may lie in a
// project (of dotfiles), and a symlink there would have a jail read what it leads
// to. So there is none, or it leads into the store (home-manager). With linked one
// step is the user's own, to files or a folder of dotfiles: these are protected
// there.
func ownText(file string, linked bool) (string, error) {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return "", err
	}
	if real != file && !paths.Below(real, storepath.Dir) && (!linked || oneStep(file) != real) {
		return "", fmt.Errorf("%q leads to %q", file, real)
	}
	root, err := beneath.Dir("/")
	if err != nil {
		return "", err
	}
	defer root.Close()
	text, _, err := beneath.Read(root, strings.TrimPrefix(real, "/"), mostGitText)
	return string(text), err
}

// oneStep is where a file is by the first link on the way to it alone.
func oneStep(file string) string {
	parts := strings.Split(strings.TrimPrefix(file, "/"), "/")
	for i := range parts {
		at := "/" + filepath.Join(parts[:i+1]...)
		to, err := os.Readlink(at)
		if err != nil {
			continue
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(at), to)
		}
		return filepath.Join(append([]string{to}, parts[i+1:]...)...)
	}
	return file
}
