package review

import (
	"path"
	"strings"
	"unicode"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
)

// judge says why the host would execute or trust a path of the working tree.
func (r *Review) judge(name string) string {
	if why := r.o.Trusted(name); why != "" {
		return why
	}
	plain := make([]string, 0, 8)
	for part := range strings.SplitSeq(name, "/") {
		p := spelled(part)
		if p == dotGit || p == "git~1" {
			return "a git repository of its own, or a name that some system takes for one"
		}
		plain = append(plain, p)
	}
	// On a file system that folds names it is the same file.
	if folded := strings.Join(plain, "/"); folded != name {
		return r.o.Trusted(folded)
	}
	return ""
}

// spelled is how macOS and Windows may read a name: without case, without
// characters that are ignored, blanks and dots at the end, and streams.
func spelled(name string) string {
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

// gitWhy says why a file of .git that is no part of the unit waits for a yes.
func gitWhy(below string, trusted func(string) string) string {
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

func leadsToGit(name, target string) bool {
	for part := range strings.SplitSeq(path.Join(path.Dir(name), target), "/") {
		if spelled(part) == dotGit {
			return true
		}
	}
	return false
}

// bare finds folders that become git repositories by what is new in them: git
// takes a folder for one that holds HEAD, objects and refs.
func (r *Review) bare() {
	suspects := map[string]bool{}
	changed := map[string]*upper.Change{}
	for _, c := range r.held.Changes {
		changed[c.Path] = c
		if b := spelled(path.Base(c.Path)); c.New != nil && (b == "head" || b == "objects" || b == "refs") {
			suspects[path.Dir(c.Path)] = true
		}
	}
	delete(suspects, dotGit)
	var folders []string
	for d := range suspects {
		all := true
		for _, n := range []string{"HEAD", "objects", "refs"} {
			p := path.Join(d, n)
			if c := changed[p]; c != nil {
				all = all && c.New != nil
			} else if s, err := upper.Stat(r.lower, p); err != nil || s == nil {
				// Some file systems do not tell "head" from "HEAD".
				all = false
			}
		}
		if all {
			folders = append(folders, d)
		}
	}
	for _, i := range r.Items {
		for _, d := range folders {
			if i.Why == "" && (d == "." || strings.HasPrefix(i.Path, d+"/")) && !strings.HasPrefix(i.Path, dotGit+"/") {
				if first, _, _ := strings.Cut(strings.TrimPrefix(i.Path, d+"/"), "/"); d != "." || first == "HEAD" || first == "objects" || first == "refs" {
					i.Why = "part of a folder that git takes for a repository, with hooks and config"
				}
			}
		}
	}
}
