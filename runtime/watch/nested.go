package watch

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/search"
)

// nested hears of what the search at the end looks for in every folder of a
// project: new git repositories, and what matters in any folder. It listens where
// the search would go: for --strict before the agent runs, and else a few folders at
// a time, while it does. All methods do nothing for nil.
type nested struct {
	n *notifier
	// folders are listened to, by watch descriptor.
	folders map[int]listened
	// worktrees are git directories of worktrees, and the folders of those.
	worktrees map[int]string
	// queue are folders to be listened to yet, atOnce how many of them at one time,
	// and left is how many more may be, -1 before the first.
	queue        []listened
	atOnce, left int
	began        time.Time
	// pending are files ".git" that may become those of worktrees of the project
	// itself, and until when: git writes them in pieces.
	pending map[string]time.Time
}

// listened is a folder of a project, and how deep it lies.
type listened struct {
	project, path string
	depth         int
}

const (
	pendingEvery = 50 * time.Millisecond
	pendingFor   = time.Second
	// afterStart is when it begins without strict: nothing of it belongs to a start.
	afterStart = 500 * time.Millisecond
)

func newNested(n *notifier) *nested {
	s := &nested{n: n, folders: map[int]listened{}, worktrees: map[int]string{}, left: search.Folders, atOnce: search.Folders, began: time.Now(), pending: map[string]time.Time{}}
	if !n.strict {
		s.left, s.atOnce = -1, 32
	}
	s.again()
	return s
}

// quota is how many folders may be listened to beside an agent: a part of those that
// the user's editors and builds have, too.
func quota() int {
	text, _ := os.ReadFile("/proc/sys/fs/inotify/max_user_watches")
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return min(search.Folders, n/16)
}

func (s *nested) has(wd int) bool {
	if s == nil {
		return false
	}
	_, ok := s.folders[wd]
	_, worktree := s.worktrees[wd]
	return ok || worktree
}

// start listens to all folders, and says whether something is there already.
func (s *nested) start() (appeared bool) {
	appeared = s.enter()
	for g := range s.n.w.git {
		appeared = s.worktree(g) || appeared
	}
	return appeared
}

// worktree listens to a git directory, to the folder of worktrees in it, or to that
// of one worktree, and to those below. A new worktree is no new repository, until it
// gets a configuration of its own.
func (s *nested) worktree(dir string) (appeared bool) {
	w := s.n.w
	fd, err := w.Open(dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	if wd := s.n.hear(fd); wd >= 0 {
		s.worktrees[wd] = dir
	}
	_ = unix.Close(fd)
	names, folders := w.list(dir, func(name []byte) bool { return string(name) == ownConfig })
	for _, name := range append(names, folders...) {
		appeared = s.cameToWorktree(dir, name) || appeared
	}
	return appeared
}

// ownConfig is the configuration of a worktree.
const ownConfig = "config.worktree"

func (s *nested) cameToWorktree(dir, name string) bool {
	p := path.Join(dir, name)
	above := path.Dir(dir)
	_, git := s.n.w.git[dir]
	_, trees := s.n.w.git[above]
	switch {
	case git && name == "worktrees" || trees && path.Base(dir) == "worktrees":
		return s.worktree(p)
	case name == ownConfig && path.Base(above) == "worktrees" && !s.n.w.before(p):
		s.n.w.heard[p] = "git config"
		return true
	}
	return false
}

// again looks everywhere.
func (s *nested) again() {
	if s != nil {
		s.queue = nil
		for project := range s.n.w.repositories {
			s.queue = append(s.queue, listened{project, project, 0})
		}
	}
}

// forget: a folder is gone.
func (s *nested) forget(wd int) {
	if s == nil {
		return
	}
	if _, ok := s.folders[wd]; ok {
		delete(s.folders, wd)
		s.left++
	}
}

// enter listens to folders of the queue and to those below them, and then looks into
// them.
func (s *nested) enter() (appeared bool) {
	w := s.n.w
	if s.left < 0 {
		s.left = quota()
	}
	for most := s.atOnce; len(s.queue) > 0 && most > 0; most-- {
		if s.left == 0 {
			s.queue, w.deaf = nil, true
			break
		}
		f := s.queue[0]
		s.queue = s.queue[1:]
		fd, err := w.Open(f.path, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			continue // gone, or a symlink
		}
		wd := s.n.hear(fd)
		_ = unix.Close(fd)
		if wd >= 0 {
			if _, again := s.folders[wd]; !again {
				s.left--
			}
			s.folders[wd] = f
		}
		names, folders := w.list(f.path, w.names.Matters)
		for _, name := range names {
			appeared = s.judge(f, name) || appeared
		}
		// What came to it before it was listened to may be the rest of a name that
		// begins with the folder, or above it.
		if f.path != f.project {
			appeared = s.judge(listened{f.project, path.Dir(f.path), f.depth - 1}, path.Base(f.path)) || appeared
		}
		if f.depth == search.Depth {
			continue
		}
		for _, name := range folders {
			if p := path.Join(f.path, name); !s.passes(p) {
				s.queue = append(s.queue, listened{f.project, p, f.depth + 1})
			}
		}
	}
	return appeared
}

// passes: the search does not go into a folder.
func (s *nested) passes(p string) bool {
	name := path.Base(p)
	return search.Skips(name) || slices.Contains(s.n.w.hidden, p) || name == search.BuildFolder && s.n.w.isBuild(p)
}

// came handles a name that came to a folder.
func (s *nested) came(wd int, name string, folder bool) (appeared bool) {
	if s == nil {
		return false
	}
	if dir, ok := s.worktrees[wd]; ok {
		appeared = s.cameToWorktree(dir, name)
	}
	f, ok := s.folders[wd]
	if !ok {
		return appeared
	}
	for dir := f.path; dir != f.project; dir = path.Dir(dir) {
		if s.passes(dir) {
			return appeared // it has become the folder of a build
		}
	}
	appeared = s.judge(f, name) || appeared
	if p := path.Join(f.path, name); folder && f.depth < search.Depth && !s.passes(p) {
		s.queue = slices.Insert(s.queue, 0, listened{f.project, p, f.depth + 1})
		appeared = s.enter() || appeared
	}
	return appeared
}

// judge says whether an entry of a folder is something that appeared.
func (s *nested) judge(f listened, name string) bool {
	w := s.n.w
	name = w.spelled(f.path, name)
	p := path.Join(f.path, name)
	known := f.path == f.project || slices.Contains(w.repositories[f.project], f.path)
	switch {
	case name == ".git" && !known:
		if w.kind(p) == unix.S_IFREG && w.mayBeWorktree(f.path) {
			if !w.ownWorktree(f.path) {
				s.pending[f.path] = time.Now().Add(pendingFor)
			}
			return false
		}
		w.heard[p] = newRepository
		return true
	case (name == "HEAD" || name == "objects" || name == "refs") && !known:
		_, folders := w.list(f.path, func([]byte) bool { return false })
		if head := path.Join(f.path, "HEAD"); w.bare(f.path, folders) && w.kind(head) != 0 {
			w.heard[head] = newBareRepository
			return true
		}
	}
	// A name may have more than one component, of which this is any.
	found := false
	for dir, entry, up := f.path, name, 0; up < 3; dir, entry, up = path.Dir(dir), path.Base(dir), up+1 {
		for _, one := range w.named(dir, entry) {
			w.heard[one.path] = one.why
			found = true
		}
		if dir == f.project {
			break
		}
	}
	return found
}

func (s *nested) waits() bool { return s != nil && len(s.pending)+len(s.queue) > 0 }

// pass looks again at what was not yet complete, and says whether something of it
// is no worktree of the project itself.
func (s *nested) pass() (appeared bool) {
	if s == nil {
		return false
	}
	if s.n.strict || time.Since(s.began) > afterStart {
		appeared = s.enter()
	}
	for dir, until := range s.pending {
		switch p := path.Join(dir, ".git"); {
		case s.n.w.ownWorktree(dir):
			delete(s.pending, dir)
		case !s.n.w.mayBeWorktree(dir) || time.Now().After(until):
			delete(s.pending, dir)
			s.n.w.heard[p] = newRepository
			appeared = true
		}
	}
	return appeared
}

const (
	newRepository     = "a new git repository: git executes its hooks and configuration"
	newBareRepository = "makes the folder a bare git repository, whose hooks and config git executes"
)

// ownWorktree: the file ".git" of a folder makes it a worktree of a repository
// that was there at the start. Then it has no hooks and no configuration of its
// own; newGitDirs tells if that is not so.
func (w *Watch) ownWorktree(dir string) bool {
	g, common := w.worktreeOf(dir)
	return g != "" && w.kind(path.Join(g, "HEAD")) == unix.S_IFREG && from(g, w.text(path.Join(g, "commondir"))) == common &&
		w.kind(path.Join(g, "config.worktree")) == 0
}

// mayBeWorktree: the file is empty still, or names a place in such a repository.
func (w *Watch) mayBeWorktree(dir string) bool {
	data, _, err := w.file(path.Join(dir, ".git"), textBytes)
	if err == nil && len(data) == 0 {
		return true
	}
	g, _ := w.worktreeOf(dir)
	return g != ""
}

// worktreeOf is the git directory that the file ".git" of a folder names, and the
// repository of the start in whose folder "worktrees" that lies; "" if none does.
func (w *Watch) worktreeOf(dir string) (g, common string) {
	to, ok := strings.CutPrefix(w.text(path.Join(dir, ".git")), "gitdir: ")
	if !ok {
		return "", ""
	}
	g = from(dir, to)
	common = path.Dir(path.Dir(g))
	if _, was := w.git[common]; !was || path.Dir(g) != path.Join(common, "worktrees") {
		return "", ""
	}
	return g, common
}
