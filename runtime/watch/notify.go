package watch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/later"
)

// notifier hears of watched paths that appear (inotify(7)), also of those that are
// gone again before the jail ends. It listens at every folder on the way to one,
// those that appear later too. Whenever a name on the way comes or goes, the way
// is walked again, and a folder is listened to before it is looked into; so
// whatever the agent renames, either an event tells of it or the look finds it.
type notifier struct {
	w *Watch
	// strict: the first thing that appears ends the jail.
	strict bool
	// file is nil where inotify is exhausted. fd is the same descriptor:
	// asking file for it would make it block.
	file *os.File
	fd   int
	// dirs are the folders by watch descriptor, as the last walk found them. A
	// symlink of the start can make two of one.
	dirs map[int][]string
	// ways are the folders on the way to a path. An event of another name costs
	// no walk.
	ways map[string]bool
	// nested listens in every folder of the projects.
	nested *nested
	// incomplete: a folder could not be listened to, so they are looked at.
	incomplete bool
}

// pollEvery is how often is looked where inotify is exhausted
// (fs.inotify.max_user_instances, max_user_watches) or refuses a folder.
const pollEvery = time.Second

const notifyMask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_ONLYDIR

// Start listens until Stop. If strict, it sends one value when something has
// appeared.
func (w *Watch) Start(strict bool) <-chan struct{} {
	found := make(chan struct{}, 1)
	if len(w.why) == 0 && len(w.repositories) == 0 {
		return found
	}
	n := &notifier{w: w, strict: strict, ways: map[string]bool{}}
	for p := range w.why {
		for dir := path.Dir(p); len(dir) > len(w.root(p).path); dir = path.Dir(dir) {
			n.ways[dir] = true
		}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == nil {
		n.fd, n.file = fd, os.NewFile(uintptr(fd), "inotify")
	} else {
		n.lacking(os.NewSyscallError("inotify_init", err))
	}
	// Before the agent runs, so that nothing is missed.
	appeared := n.look()
	n.nested = newNested(n)
	if strict {
		appeared = n.nested.start() || appeared
	}
	w.stop = func() {
		w.stop = func() {}
		close(end)
		if n.file != nil {
			_ = n.file.SetReadDeadline(time.Unix(1, 0)) // wakes it
			defer n.file.Close()
		}
		<-ended
		if n.file == nil {
			return
		}
		if !strict {
			n.read() // what happened last
		}
		later.Free(n.fd)
	}
	go func() {
		defer close(ended)
		if strict && appeared || n.listen(end) {
			found <- struct{}{}
		}
	}()
	return found
}

func (n *notifier) lacking(err error) {
	switch {
	case n.incomplete:
	case n.strict:
		logrus.WithError(err).Warnf("--strict looks every %v instead of at once", pollEvery)
	default:
		logrus.WithError(err).Warn("what appears and is gone again before the jail ends may not be noticed")
	}
	n.incomplete = true
}

// look walks to every path, listens on the way, and reports whether one is
// there.
func (n *notifier) look() (appeared bool) {
	dirs, heard := map[int][]string{}, map[int]bool{} // by watch descriptor; roots, which stay open
	for _, p := range slices.Sorted(maps.Keys(n.w.why)) {
		if n.w.walk(p, func(fd int, dir string) {
			if heard[fd] {
				return
			}
			heard[fd] = fd == n.w.root(p).fd
			if wd := n.hear(fd); wd >= 0 && !slices.Contains(dirs[wd], dir) {
				dirs[wd] = append(dirs[wd], dir)
			}
		}, n.w.known) {
			n.w.seen[p] = true
			appeared = true
		}
	}
	for wd := range n.dirs {
		if _, ok := dirs[wd]; !ok && !n.nested.has(wd) {
			_, _ = unix.InotifyRmWatch(n.fd, uint32(wd)) // it may be gone with its folder
		}
	}
	n.dirs = dirs
	return appeared
}

// hear listens to a folder, and returns its watch descriptor or -1. The same
// folder has the same one, however often it is added.
func (n *notifier) hear(fd int) int {
	if n.file == nil {
		return -1
	}
	wd, err := unix.InotifyAddWatch(n.fd, "/proc/self/fd/"+strconv.Itoa(fd), notifyMask)
	if err != nil {
		if n.w.deaf = true; n.strict || n.nested == nil {
			n.lacking(os.NewSyscallError("inotify_add_watch", err))
		}
		return -1
	}
	return wd
}

// listen returns true when something appeared that ends the jail, false when end
// is closed.
func (n *notifier) listen(end <-chan struct{}) bool {
	if n.file == nil {
		for n.strict {
			select {
			case <-end:
				return false
			case <-time.After(pollEvery):
				if n.look() {
					return true
				}
			}
		}
		<-end
		return false
	}
	buf := make([]byte, 64<<10)
	for {
		var deadline time.Time
		if n.strict && n.incomplete {
			deadline = time.Now().Add(pollEvery)
		} else if n.nested.waits() {
			deadline = time.Now().Add(pendingEvery)
		}
		if err := n.file.SetReadDeadline(deadline); err != nil {
			return false
		}
		select {
		case <-end: // from here on the deadline is that of stop
			return false
		default:
		}
		k, err := n.file.Read(buf)
		var appeared bool
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			appeared = n.strict && n.incomplete && n.look()
		case err != nil:
			return false
		default:
			appeared = n.events(buf[:k])
		}
		if appeared = n.nested.pass() || appeared; n.strict && appeared {
			return true
		}
	}
}

// read handles what has happened and was not read yet; it does not wait.
func (n *notifier) read() {
	buf := make([]byte, 64<<10)
	for {
		k, err := unix.Read(n.fd, buf)
		if err != nil || k <= 0 {
			return
		}
		n.events(buf[:k])
	}
}

// events handles what was read, and reports whether something appeared. What
// an event names counts even if it has gone again.
func (n *notifier) events(buf []byte) (appeared bool) {
	for len(buf) >= unix.SizeofInotifyEvent {
		// struct inotify_event: int wd; uint32_t mask, cookie, len; char name[].
		wd, mask := int(int32(binary.NativeEndian.Uint32(buf))), binary.NativeEndian.Uint32(buf[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[12:]))
		name := string(bytes.TrimRight(buf[unix.SizeofInotifyEvent:size], "\x00"))
		buf = buf[size:]
		if mask&unix.IN_Q_OVERFLOW != 0 {
			n.nested.again()
			n.w.deaf = true
			appeared = n.look() || n.nested.enter() || appeared
			continue
		}
		if mask&unix.IN_IGNORED != 0 {
			n.nested.forget(wd)
		}
		comes := mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0
		onWay := false
		for _, dir := range n.dirs[wd] {
			p := path.Join(dir, name)
			if _, watched := n.w.why[p]; watched && comes {
				n.w.seen[p] = true
				appeared = true
			}
			if _, git := n.w.git[dir]; git && comes && n.w.kind(p) == unix.S_IFLNK {
				n.w.heard[p] = n.w.leadsTo(p)
				appeared = true
			}
			onWay = onWay || n.ways[p]
		}
		if onWay {
			appeared = n.look() || appeared
		}
		if comes {
			appeared = n.nested.came(wd, name, mask&unix.IN_ISDIR != 0) || appeared
		}
	}
	return appeared
}
