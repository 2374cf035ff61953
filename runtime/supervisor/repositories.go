package supervisor

import (
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Bounds of the search for new repositories: it runs when the jail has ended
// and the user waits. Deeper ones are not found.
const (
	repositoryDepth   = 4
	repositoryFolders = 4096
)

// passedOver are folders of tools, too large to look through.
var passedOver = []string{".git", "node_modules", ".venv", "venv", "target", ".direnv", "__pycache__"}

// newRepositories lists the folders of a project that hold a ".git" and did not
// when the jail was made. No symlink is followed: what lies behind one is not
// of the project.
func (w *watch) newRepositories(project string) []string {
	var found []string
	type folder struct {
		path  string
		depth int
	}
	for queue, left := []folder{{project, 0}}, repositoryFolders; len(queue) > 0 && left > 0; left-- {
		f := queue[0]
		queue = queue[1:]
		names, folders := w.list(f.path)
		if f.path != project && slices.Contains(names, ".git") && !slices.Contains(w.repositories[project], f.path) {
			found = append(found, f.path)
		}
		if f.depth == repositoryDepth {
			continue
		}
		for _, name := range folders {
			if !slices.Contains(passedOver, name) {
				queue = append(queue, folder{path.Join(f.path, name), f.depth + 1})
			}
		}
	}
	slices.Sort(found)
	return found
}

// list returns what a folder holds, and which of it are folders; nothing for a
// folder that cannot be read.
func (w *watch) list(dir string) (names, folders []string) {
	r := w.root(dir + "/")
	rel := strings.TrimPrefix(strings.TrimPrefix(dir, r.path), "/")
	if rel == "" {
		rel = "."
	}
	fd, err := unix.Openat2(r.fd, rel, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, nil
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close()
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			if e.IsDir() {
				folders = append(folders, e.Name())
			}
			if e.Name() == ".git" {
				names = append(names, e.Name())
			}
		}
		// A folder of a million entries is not worth the wait.
		if errors.Is(err, io.EOF) || err != nil || len(folders) > repositoryFolders {
			return names, folders
		}
	}
}

// changed: a symlink that was there at the start says something else, or is
// something else.
func (w *watch) changed(link string) bool {
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
