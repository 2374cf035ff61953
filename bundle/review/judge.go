package review

import (
	"path"
	"strings"

	"github.com/jailed-claude/jailed-claude/bundle/review/judge"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
)

// judge says why the host would execute or trust a path of the working tree.
func (r *Review) judge(name string) string {
	if why := r.o.Trusted(name); why != "" {
		return why
	}
	plain := make([]string, 0, 8)
	for part := range strings.SplitSeq(name, "/") {
		p := judge.Spelled(part)
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

// bare finds folders that become git repositories by what is new in them: git
// takes a folder for one that holds HEAD, objects and refs.
func (r *Review) bare() {
	suspects := map[string]bool{}
	changed := map[string]*upper.Change{}
	for _, c := range r.held.Changes {
		changed[c.Path] = c
		if b := judge.Spelled(path.Base(c.Path)); c.New != nil && (b == "head" || b == "objects" || b == "refs") {
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
