package watch

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/search"
)

// search lists what is new in a folder that was searched at the start: git
// repositories, and what programs of the host would execute or trust in any
// folder (names.go). It goes where the search at the start went (spec/search),
// and not into hidden folders, which the jail cannot write. No symlink is
// followed: what lies behind one is not of the project.
// bounded: there were more folders than are searched.
func (w *Watch) search(project string) (found []finding, bounded bool) {
	type folder struct {
		path  string
		depth int
	}
	for queue, left := []folder{{project, 0}}, search.Folders; len(queue) > 0; left-- {
		if left == 0 {
			bounded = true
			break
		}
		f := queue[0]
		queue = queue[1:]
		names, folders := w.listNew(f.path, w.matters)
		for _, name := range names {
			if name == ".git" && f.path != project && !slices.Contains(w.repositories[project], f.path) {
				why := newRepository
				if w.ownWorktree(f.path) {
					why = "" // nothing to say, but it has an index
				}
				found = append(found, finding{path.Join(f.path, name), why})
			}
			if name == "HEAD" && f.path != project && search.Bare(folders) && !slices.Contains(w.repositories[project], f.path) {
				found = append(found, finding{path.Join(f.path, name), newBareRepository})
			}
			found = append(found, w.named(f.path, name)...)
		}
		if f.depth == search.Depth {
			continue
		}
		for _, name := range folders {
			p := path.Join(f.path, name)
			if search.Skips(name) || slices.Contains(w.hidden, p) || name == search.BuildFolder && w.isBuild(p) {
				continue
			}
			queue = append(queue, folder{p, f.depth + 1})
		}
	}
	slices.SortFunc(found, func(a, b finding) int { return strings.Compare(a.path, b.path) })
	return found, bounded
}

// open opens what lies at a path of the jail's mounts, by no symlink.
func (w *Watch) open(p string, flags uint64) (int, error) {
	r := w.root(p + "/")
	if r.path == "" {
		return -1, unix.EXDEV // not of this jail
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(p, r.path), "/")
	if rel == "" {
		rel = "."
	}
	return unix.Openat2(r.fd, rel, &unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// isBuild: the folder is that of a Rust build.
func (w *Watch) isBuild(dir string) bool {
	fd, err := w.open(path.Join(dir, search.BuildTag), unix.O_PATH)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}

// changed: a symlink that was there at the start says something else, or is
// something else.
func (w *Watch) changed(link string) bool {
	r := w.root(link)
	fd, err := unix.Openat2(r.fd, "./"+strings.TrimPrefix(path.Dir(link)+"/", r.path+"/"), &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	target, err := readlinkat(fd, path.Base(link))
	return err != nil || target != w.targets[link]
}
