package watch

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/entries"
)

// names are what programs of the host would execute or trust in any folder, by
// the first component of its relative path: "*" in it stands for any characters.
type names struct {
	plain map[string][]name
	globs []name
	first entries.First
	// spellings are of their first components, and of what git looks for.
	spellings entries.Spellings
}

type name struct {
	parts []string
	why   string
}

func newNames(list map[string]string) names {
	n := names{plain: map[string][]name{}}
	for _, git := range []string{".git", "HEAD", "objects", "refs"} {
		n.spellings.Add(git)
	}
	for _, rel := range slices.Sorted(maps.Keys(list)) {
		one := name{strings.Split(rel, "/"), list[rel]}
		n.first.Add(one.parts[0])
		n.spellings.Add(one.parts[0])
		if first := one.parts[0]; strings.Contains(first, "*") {
			n.globs = append(n.globs, one)
		} else {
			n.plain[first] = append(n.plain[first], one)
		}
	}
	return n
}

// of are those that begin with an entry of a folder.
func (n *names) of(entry string) []name {
	list := n.plain[entry]
	for _, g := range n.globs {
		if ok, _ := path.Match(g.parts[0], entry); ok {
			list = append(slices.Clone(list), g)
		}
	}
	return list
}

func (n *names) begins(entry string) bool { return len(n.of(entry)) > 0 }

// matters: an entry of a folder is a git repository, or begins one of the names.
func (w *Watch) matters(entry []byte) bool {
	if string(entry) == ".git" || string(entry) == "HEAD" {
		return true
	}
	return w.names.first.May(entry) && w.names.begins(string(entry)) || w.names.spellings.Other(entry) != ""
}

// spelled is the name by which programs would find an entry of a folder. It is
// another one where the folder takes several spellings for the same: a project is
// none when the jail starts (spec/host), but a folder in it can become one (the
// attribute F of chattr(1)).
func (w *Watch) spelled(dir, entry string) string {
	other := w.names.spellings.Other([]byte(entry))
	if other == "" {
		return entry
	}
	fd, err := w.Open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return entry
	}
	defer unix.Close(fd)
	var is, found unix.Stat_t
	if unix.Fstatat(fd, entry, &is, unix.AT_SYMLINK_NOFOLLOW) != nil || unix.Fstatat(fd, other, &found, unix.AT_SYMLINK_NOFOLLOW) != nil || is.Ino != found.Ino || is.Dev != found.Dev {
		return entry
	}
	return other
}

// named lists what an entry of a folder is, or holds, of the names, and was not
// there at the start.
func (w *Watch) named(dir, entry string) (found []finding) {
	for _, n := range w.names.of(entry) {
		for _, p := range w.match(dir, append([]string{entry}, n.parts[1:]...)) {
			if !w.before(p) {
				found = append(found, finding{p, n.why})
			}
		}
	}
	return found
}

// match is what there is of a path below a folder, whose components may have a
// "*". A symlink on the way is not followed; it may lead to where something will
// be, so it counts.
func (w *Watch) match(dir string, parts []string) (found []string) {
	entries := parts[:1]
	if strings.Contains(parts[0], "*") {
		entries, _ = w.list(dir, func(name []byte) bool { ok, _ := path.Match(parts[0], string(name)); return ok })
	}
	for _, e := range entries {
		p := path.Join(dir, e)
		switch kind := w.kind(p); {
		case kind == 0:
		case len(parts) == 1 || kind == unix.S_IFLNK:
			found = append(found, p)
		case kind == unix.S_IFDIR:
			found = append(found, w.match(p, parts[1:])...)
		}
	}
	return found
}

// kind is the type of what lies at a path (S_IFMT), 0 if nothing does.
func (w *Watch) kind(p string) uint32 {
	fd, err := w.Open(path.Dir(p), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstatat(fd, path.Base(p), &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return 0
	}
	return st.Mode & unix.S_IFMT
}

// before: the path was there at the start. Then it, or a folder above it, is
// mounted read-only or hidden; or it is a symlink, of which it is told apart
// whether it has changed.
func (w *Watch) before(p string) bool {
	for at := p; at != "/"; at = path.Dir(at) {
		if _, link := w.targets[at]; link || w.held[at] {
			return true
		}
	}
	return false
}

// watchNames watches the names in the projects themselves, at once and not only
// at the end: what is not held there was not there when the jail was planned.
func (w *Watch) watchNames(list map[string]string) {
	if w.why == nil {
		w.why = map[string]string{}
	}
	for project := range w.repositories {
		for rel, why := range list {
			p := path.Join(project, rel)
			if _, have := w.why[p]; !have && !strings.Contains(rel, "*") && !w.before(p) {
				w.why[p] = why
			}
		}
	}
}

// hold notes what the agent cannot write.
func (w *Watch) hold(s *specs.Spec) {
	w.held = map[string]bool{}
	for _, m := range s.Mounts {
		if m.Type == "bind" && slices.Contains(m.Options, "ro") {
			w.held[m.Source] = true
		}
	}
	for _, p := range w.hidden {
		w.held[p] = true
	}
}
