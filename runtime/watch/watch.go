package watch

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/since"
	"github.com/jailed-claude/jailed-claude/runtime/watch/before"
	"github.com/jailed-claude/jailed-claude/runtime/watch/known"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/search"
)

// Watch knows what did not exist at the start and would matter if the agent
// made it, by path, and why. Nothing is mounted there: a mount point would be a
// stub on the host.
type Watch struct {
	why map[string]string
	// roots are the mounts that hold the paths. The agent can move none of
	// them, and this process reaches them by descriptor, whatever it has
	// mounted over /tmp since.
	roots []root
	// targets are symlinks that the host follows, with what they said.
	targets map[string]string
	// repositories are projects, with the git repositories that lay in them.
	repositories map[string][]string
	// names matter in every folder of those projects.
	names known.Names
	// follows only instructs agents.
	follows known.Follows
	// git is what the git directories held.
	git map[string]gitDirectory
	// bounded are the projects that were searched in part at the end.
	bounded []string
	// clock says which folders nothing came to, and buf is for reading others.
	clock since.Clock
	buf   []byte
	// hidden are paths that the jail cannot see, held those that it cannot write.
	hidden []string
	held   map[string]bool
	// links are the symlinks on the way to a path that were there at the
	// start, with what they said.
	links map[string]string
	// changes are paths that the agent may change.
	changes []change
	// guards are protected paths that this jail's agent can change all the same.
	guards []guard
	// seen are paths that appeared while the jail ran, there now or not.
	seen map[string]bool
	// heard are other paths that appeared while the jail ran, and why they matter.
	// deaf: there were more folders, or changes at once, than can be listened to.
	heard map[string]string
	deaf  bool
	// found is what Report named, and was what lay there at the start, of what was there.
	found []finding
	was   map[string]*before.Look
	// room is how much may still be kept of what lay there.
	room int64
	// stop ends the listener.
	stop func()
}

type root struct {
	path string
	fd   int
}

// New looks at what is there, by the opened sources of the mounts (-1: none).
func New(s *specs.Spec, opened []int) (*Watch, error) {
	w := &Watch{clock: since.New(), links: map[string]string{}, seen: map[string]bool{}, heard: map[string]string{}, stop: func() {}, was: map[string]*before.Look{}, room: before.Room}
	var all, changes map[string]string
	for name, to := range map[string]any{contract.WatchAnnotation: &w.why, contract.LinksAnnotation: &w.targets, contract.RepositoriesAnnotation: &w.repositories, contract.NamesAnnotation: &all, contract.ChangesAnnotation: &changes, contract.InstructsAnnotation: &w.follows} {
		if text, ok := s.Annotations[name]; ok {
			if err := json.Unmarshal([]byte(text), to); err != nil {
				return nil, fmt.Errorf("annotation %s does not hold paths: %w", name, err)
			}
		}
	}
	w.names = known.New(all)
	if s.Linux != nil {
		w.hidden = s.Linux.MaskedPaths
	}
	w.hold(s)
	w.watchNames(all)
	held := map[string]int{}
	for i, m := range s.Mounts {
		if opened[i] >= 0 {
			held[m.Source] = opened[i]
		}
	}
	have := map[string]bool{}
	// hold keeps the innermost mount that holds p, and says whether there is
	// one: the jail cannot make what it does not hold.
	hold := func(p string) (bool, error) {
		r := p
		for ; r != "/"; r = path.Dir(r) {
			if _, ok := held[r]; ok {
				break
			}
		}
		fd, ok := held[r]
		if !ok || have[r] {
			return ok, nil
		}
		have[r] = true
		fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return false, os.NewSyscallError("fcntl(F_DUPFD)", err)
		}
		w.roots = append(w.roots, root{r, fd})
		return true, nil
	}
	for _, p := range slices.Sorted(maps.Keys(w.why)) {
		if ok, err := hold(path.Dir(p)); err != nil {
			return nil, err
		} else if !ok {
			delete(w.why, p)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(w.targets)) {
		if ok, err := hold(path.Dir(p)); err != nil {
			return nil, err
		} else if !ok {
			delete(w.targets, p)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(w.repositories)) {
		if ok, err := hold(p); err != nil {
			return nil, err
		} else if !ok {
			delete(w.repositories, p)
		}
	}
	here := map[string]map[string]bool{}
	for p := range w.why {
		// Most begin with a name that is not there: one look tells of all.
		r := w.root(p)
		if here[r.path] == nil {
			here[r.path] = map[string]bool{}
			names, _ := w.list(r.path, w.names.Matters)
			for _, n := range names {
				here[r.path][n] = true
			}
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(p, r.path+"/"), "/")
		if w.names.Plain(first) && !here[r.path][first] {
			continue
		}
		w.walk(p, nil, func(link, target string) bool {
			w.links[link] = target
			return true
		})
	}
	for p := range w.repositories {
		// A worktree's git directory, and the common one around it, lie elsewhere.
		if to, ok := strings.CutPrefix(w.text(path.Join(p, ".git")), "gitdir: "); ok {
			if _, err := hold(from(p, to)); err != nil {
				return nil, err
			}
		}
	}
	w.gitState()
	var paths []string
	for _, p := range slices.Sorted(maps.Keys(changes)) {
		ok, err := hold(path.Dir(p))
		if err != nil {
			return nil, err
		}
		if ok {
			paths = append(paths, p)
		}
	}
	w.remember(changes, paths)
	if err := w.guard(s, opened); err != nil {
		return nil, err
	}
	return w, nil
}

// root is the innermost one that holds p.
func (w *Watch) root(p string) root {
	var in root
	for _, r := range w.roots {
		if strings.HasPrefix(p, r.path+"/") && len(r.path) >= len(in.path) {
			in = r
		}
	}
	return in
}

// there reports whether p has appeared: that something is there, or that its
// folder has become a symlink, which may lead to where something will be.
func (w *Watch) there(p string) bool { return w.walk(p, nil, w.known) }

// known: the symlink was there at the start, and says the same.
func (w *Watch) known(link, target string) bool {
	was, ok := w.links[link]
	return ok && was == target
}

// walk goes to a path, component by component, and reports whether something is
// there. folder sees every folder on the way before it is looked into; follow
// says whether a symlink is one.
func (w *Watch) walk(p string, folder func(fd int, dir string), follow func(link, target string) bool) bool {
	r := w.root(p)
	fd, at := r.fd, r.path
	names := strings.Split(strings.TrimPrefix(p, r.path+"/"), "/")
	for i, name := range names {
		if folder != nil {
			folder(fd, at)
		}
		at = path.Join(at, name)
		var st unix.Stat_t
		if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
			return false
		}
		if i == len(names)-1 {
			return true
		}
		flags := unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOFOLLOW
		if st.Mode&unix.S_IFMT == unix.S_IFLNK {
			if target, err := readlinkat(fd, name); err != nil || !follow(at, target) {
				return true
			}
			flags &^= unix.O_NOFOLLOW
		}
		next, err := unix.Openat(fd, name, flags, 0)
		if err != nil {
			return false // a file, where only a folder would matter, or gone
		}
		defer unix.Close(next)
		fd = next
	}
	return false
}

func readlinkat(dirfd int, name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dirfd, name, buf)
	if err != nil {
		return "", os.NewSyscallError("readlinkat", err)
	}
	return string(buf[:n]), nil
}

// appeared lists the paths that are there now or were seen.
func (w *Watch) appeared() []string {
	var list []string
	for _, p := range slices.Sorted(maps.Keys(w.why)) {
		if w.seen[p] || w.there(p) {
			list = append(list, p)
		}
	}
	return list
}

// findings is what appeared, and what only the end of a jail shows.
func (w *Watch) findings() []finding {
	var list []finding
	said := map[string]bool{}
	add := func(p, why string) {
		if why != "" && !said[p] {
			said[p] = true
			list = append(list, finding{p, why})
		}
	}
	for _, p := range w.appeared() {
		why := w.why[p]
		if !w.there(p) {
			why += goneAgain
		}
		add(p, why)
	}
	for _, p := range slices.Sorted(maps.Keys(w.heard)) {
		why := w.heard[p]
		if w.kind(p) == 0 {
			why += goneAgain
		}
		add(p, why)
	}
	for _, p := range slices.Sorted(maps.Keys(w.targets)) {
		if w.changed(p) {
			w.was[p] = &before.Look{Files: map[string]before.File{p: before.Symlink(w.targets[p])}}
			add(p, "a symlink that the host follows, and it now points elsewhere")
		}
	}
	for _, g := range w.guards {
		if g.print() != g.before {
			w.was[g.path] = new(before.Look)
			add(g.path, "protected, and changed while the jail ran: an agent that may create namespaces can do that")
		}
	}
	for _, c := range w.changes {
		for _, f := range w.altered(c) {
			w.was[f.path] = cmp.Or(c.before, &before.Look{Index: c.path})
			add(f.path, f.why)
		}
	}
	w.clock.Settle()
	for _, p := range slices.Sorted(maps.Keys(w.repositories)) {
		found, bounded := w.search(p)
		for _, f := range append(w.linked(p, found), found...) {
			if base := path.Base(f.path); base == "index" || f.why == inSparse || f.why == moreRepositories {
				w.was[f.path] = new(before.Look)
			}
			add(f.path, f.why)
		}
		if bounded {
			w.bounded = append(w.bounded, p)
		}
	}
	for _, f := range append(w.newGitDirs(), w.leads()...) {
		if f.why == inTodo {
			w.was[f.path] = new(before.Look)
		}
		add(f.path, f.why)
	}
	return list
}

// Report names what has appeared, before the user runs anything, and says
// whether there is something. killed: --strict ended the jail because of it.
func (w *Watch) Report(out io.Writer, killed bool) bool {
	list := w.findings()
	w.found = list
	for _, p := range w.bounded {
		fmt.Fprintf(out, "jailed-claude: new git repositories were looked for in the first %d folders of %q, and where git's index leads; there are more\n", search.Folders, w.Now(p))
	}
	if w.deaf {
		fmt.Fprintln(out, "jailed-claude: not all that came and was gone again could be heard: there were too many folders, or changes at once")
	}
	if len(list) == 0 {
		return false
	}
	if killed {
		fmt.Fprintln(out, "jailed-claude: --strict ended the jail: files appeared that programs on the host would execute or trust:")
	} else {
		fmt.Fprintln(out, "jailed-claude: while the jail ran, files appeared or changed that programs on the host would execute or trust:")
	}
	for _, f := range list {
		fmt.Fprintf(out, "  %q: %s\n", w.Now(f.path), f.why)
	}
	return true
}

// Now is where something is that was at p when the jail started: the folder that
// holds it may have been moved meanwhile, and a copy be in its place.
func (w *Watch) Now(p string) string {
	// The outermost: what is mounted in it is mounted again where the host puts
	// something else there (runtime/hold).
	var in root
	for _, r := range w.roots {
		if strings.HasPrefix(p+"/", r.path+"/") && (in.path == "" || len(r.path) < len(in.path)) {
			in = r
		}
	}
	var there, held unix.Stat_t
	is := func(at string) bool {
		return unix.Stat(at, &there) == nil && there.Ino == held.Ino && there.Dev == held.Dev
	}
	if in.path == "" || unix.Fstat(in.fd, &held) != nil || is(in.path) {
		return p
	}
	at, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(in.fd))
	if err != nil || !is(at) {
		return p // it is gone, or out of sight
	}
	return path.Join(at, strings.TrimPrefix(p, in.path))
}

// Stop ends what Start began.
func (w *Watch) Stop() { w.stop() }

// Close gives everything up.
func (w *Watch) Close() {
	w.stop()
	for _, r := range w.roots {
		if err := unix.Close(r.fd); err != nil && !errors.Is(err, unix.EINTR) {
			logrus.WithError(err).Debug("watch")
		}
	}
	w.roots = nil
	for _, g := range w.guards {
		_ = unix.Close(g.root)
	}
	w.guards = nil
}
