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
		// idle: nothing came to it. It counts, for the search at the start did.
		idle bool
	}
	var rest []string
	for queue, left := []folder{{path: project}}, search.Folders; len(queue) > 0; left-- {
		if left == 0 {
			bounded = true
			for _, f := range queue {
				if !f.idle {
					rest = append(rest, f.path)
				}
			}
			break
		}
		f := queue[0]
		queue = queue[1:]
		if f.idle {
			continue
		}
		fd, err := w.Open(f.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
		if err != nil {
			continue
		}
		names, folders := w.read(fd, func(name []byte) bool { return w.names.Matters(name) || w.follows.Begin(name) })
		for _, name := range names {
			w.follow(f.path, name)
			name = w.spelled(f.path, name)
			if name == ".git" && f.path != project && !slices.Contains(w.repositories[project], f.path) {
				why := newRepository
				if w.ownWorktree(f.path) {
					why = "" // nothing to say, but it has an index
				}
				found = append(found, finding{path.Join(f.path, name), why})
			}
			if name == "HEAD" && f.path != project && w.bare(f.path, folders) && !slices.Contains(w.repositories[project], f.path) {
				found = append(found, finding{path.Join(f.path, name), newBareRepository})
			}
			found = append(found, w.named(f.path, name)...)
		}
		for _, name := range folders {
			p, idle := f.path+"/"+name, w.clock.Idle(fd, name)
			switch {
			case name == ".git" || slices.Contains(w.hidden, p):
			case f.depth == search.Depth || search.Skips(name) || name == search.BuildFolder && w.isBuild(p):
				if !idle {
					rest = append(rest, p)
				}
			default:
				queue = append(queue, folder{p, f.depth + 1, idle})
			}
		}
		_ = unix.Close(fd)
	}
	if len(w.git) > 0 { // else there is no index to lead there
		more, unseen := w.passed(project, rest)
		found, bounded = append(found, more...), bounded || unseen
	}
	slices.SortFunc(found, func(a, b finding) int { return strings.Compare(a.path, b.path) })
	return found, bounded
}

// bare: a folder that holds a file HEAD, and these folders, is a git repository.
func (w *Watch) bare(dir string, folders []string) bool {
	return search.Bare(folders) || w.kind(path.Join(dir, "objects")) == unix.S_IFDIR && w.kind(path.Join(dir, "refs")) == unix.S_IFDIR
}

// Open opens what lies at a path of the jail's mounts, by no symlink.
func (w *Watch) Open(p string, flags uint64) (int, error) {
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
	fd, err := w.Open(path.Join(dir, search.BuildTag), unix.O_PATH)
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
