package repo

import (
	"os"
	"path/filepath"
	"strings"
)

// Place is where, in a folder that a layer lies over, a git directory is: what all
// working trees of the repository share, and what belongs to one of them. Both end
// with a slash, or are empty for the folder itself.
type Place struct{ Common, Own string }

// Inside is that of a repository in the project.
var Inside = Place{".git/", ".git/"}

// shared are what working trees share (gitrepository-layout(5)).
var shared = map[string]bool{
	"branches": true, "config": true, "config.lock": true, "description": true, "gc.log": true, "gc.pid": true, "hooks": true, "info": true, "lfs": true, "logs": true,
	"modules": true, "objects": true, "packed-refs": true, "packed-refs.lock": true, "packed-refs.new": true, "refs": true, "remotes": true, "rr-cache": true, "shallow": true, "worktrees": true,
}

func isShared(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return shared[first] && name != "logs/HEAD"
}

// Path is where a file of the git directory is.
func (p Place) Path(name string) string {
	if isShared(name) {
		return p.Common + name
	}
	return p.Own + name
}

// Name is which file of the git directory a path is; ok is false for one of another
// working tree.
func (p Place) Name(at string) (name string, ok bool) {
	if p.Own == p.Common {
		return strings.CutPrefix(at, p.Common)
	}
	if name, ok := strings.CutPrefix(at, p.Own); ok && (name == "logs" || !isShared(name)) {
		return name, true
	}
	name, ok = strings.CutPrefix(at, p.Common)
	return name, ok && isShared(name)
}

// objects is the host's folder of objects.
func (u *Unit) objects() string { return filepath.Join(u.o.Project, u.o.Place.Path("objects")) }

// checkedOut are the branches of other working trees of the host, if this one is
// linked: these would show as changed all that a commit there brings.
func (u *Unit) checkedOut() map[string]bool {
	used := map[string]bool{}
	if u.o.Place.Own == u.o.Place.Common {
		return used
	}
	note := func(head string) {
		data, _ := content(u.o.Lower, head, maxSmall) // one that is not there has no branch
		if name, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "ref: "); ok {
			used[name] = true
		}
	}
	note(u.o.Place.Common + "HEAD")
	trees := u.o.Place.Common + "worktrees/"
	all, _ := os.ReadDir(filepath.Join(u.o.Project, trees))
	for _, e := range all {
		if own := trees + e.Name() + "/"; own != u.o.Place.Own {
			note(own + "HEAD")
		}
	}
	return used
}
