package judge

import (
	"path"
	"strings"
	"unicode"
)

const dotGit = ".git"

// Spelled is how macOS and Windows may read a name: without case, without
// characters that are ignored, blanks and dots at the end, and streams.
func Spelled(name string) string {
	if i := strings.IndexByte(name, ':'); i > 0 {
		name = name[:i]
	}
	if i := strings.LastIndexByte(name, '\\'); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(c rune) rune {
		switch {
		case unicode.Is(unicode.Cf, c):
			return -1
		case c == 'ſ': // folds to s
			return 's'
		case c == '\u212a': // the sign of Kelvin folds to k
			return 'k'
		}
		return unicode.ToLower(c)
	}, name)
	if short := strings.TrimRight(name, ". "); short != "" {
		return short
	}
	return name
}

// GitWhy says why a file of .git that is no part of the unit waits for a yes.
func GitWhy(below string, trusted func(string) string) string {
	if why := trusted(dotGit + "/" + below); why != "" {
		return why
	}
	first, _, _ := strings.Cut(below, "/")
	switch first {
	case "hooks":
		return "git hooks"
	case "modules", "worktrees":
		return "git directories of submodules and worktrees, with hooks and config"
	case "rebase-merge", "rebase-apply", "sequencer":
		return "git runs what is on this list when it goes on"
	case "info", "config.worktree", "commondir", "gitdir":
		return "git config"
	}
	return "a file of git's own that is not known to be harmless"
}

// LeadsToGit tells whether a symlink at a path of the project leads to git's own files.
func LeadsToGit(name, target string) bool {
	for part := range strings.SplitSeq(path.Join(path.Dir(name), target), "/") {
		if Spelled(part) == dotGit {
			return true
		}
	}
	return false
}
