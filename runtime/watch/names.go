package watch

import (
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// spelled is the name by which programs would find an entry of a folder. It is
// another one where the folder takes several spellings for the same: a project is
// none when the jail starts (spec/host), but a folder in it can become one (the
// attribute F of chattr(1)).
func (w *Watch) spelled(dir, entry string) string {
	other := w.names.Spelled([]byte(entry))
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
	for _, n := range w.names.Of(entry) {
		for _, p := range w.match(dir, append([]string{entry}, n.Parts[1:]...)) {
			if !w.before(p) {
				found = append(found, finding{p, n.Why})
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
