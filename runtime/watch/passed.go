package watch

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/gitconfig"
	"github.com/jailed-claude/jailed-claude/spec/search"
)

const inPassed = "a git repository that executes something, where none is looked for: git enters it as soon as a branch that leads to it is checked out"

// passed looks into the folders that the search at the start passes over, or does
// not reach, for git repositories that changed while the jail ran. Git enters one
// if the index leads to it (linked), and an index comes with every branch that is
// checked out. Tools put many there, so those are named in which git would execute
// something.
func (w *Watch) passed(project string, queue []string) (found []finding, bounded bool) {
	for left := search.Passed; len(queue) > 0; left-- {
		if left == 0 {
			return found, true
		}
		dir := queue[0]
		queue = queue[1:]
		names, folders := w.below(dir)
		for _, name := range names {
			if w.spelled(dir, name) == ".git" && !slices.Contains(w.repositories[project], dir) && w.executes(dir) {
				found = append(found, finding{path.Join(dir, ".git"), inPassed})
			}
		}
		queue = append(queue, folders...)
	}
	return found, false
}

// below are a folder's entries that may be ".git", and the paths of the folders in it
// that have to be looked into. There may be thousands to which nothing came: each
// costs one call of the kernel.
func (w *Watch) below(dir string) (names, folders []string) {
	fd, err := w.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil, nil
	}
	defer unix.Close(fd)
	names, all := w.read(fd, func(name []byte) bool { return string(name) == ".git" || w.names.Spelled(name) == ".git" })
	for _, name := range all {
		if name == ".git" || w.clock.Idle(fd, name) {
			continue
		}
		if p := path.Join(dir, name); !w.held[p] {
			folders = append(folders, p)
		}
	}
	return names, folders
}

// executes: the repository at dir changed, and git would execute something in it.
func (w *Watch) executes(dir string) bool {
	g := path.Join(dir, ".git")
	if w.kind(g) != unix.S_IFDIR {
		return w.recent(g) && !w.ownWorktree(dir)
	}
	recent := w.recent(g)
	// Files that git makes where it needs them, and then reads commands from.
	executes := w.kind(path.Join(g, "commondir")) != 0 || w.kind(path.Join(g, "config.worktree")) != 0
	config := path.Join(g, "config")
	executes = executes || w.kind(config) != 0 && !gitconfig.Tame(w.text(config))
	recent = recent || w.recent(config)
	hooks := path.Join(g, "hooks")
	names, _ := w.list(hooks, func(name []byte) bool { return !strings.HasSuffix(string(name), ".sample") })
	for _, name := range names {
		executes = true
		recent = recent || w.recent(path.Join(hooks, name))
	}
	return executes && (recent || w.recent(hooks))
}

// recent: a path changed since the jail was prepared, or nobody can tell.
func (w *Watch) recent(p string) bool {
	fd, err := w.Open(path.Dir(p), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	return unix.Fstatat(fd, path.Base(p), &st, unix.AT_SYMLINK_NOFOLLOW) == nil && w.clock.Recent(&st)
}
