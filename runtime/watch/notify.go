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
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// notifier tells at once when a watched path appears (inotify(7)). It listens
// at every folder on the way to one, those that appear later too. Whenever a
// name on the way comes or goes, the way is walked anew, and a folder is
// listened to before it is looked into; so whatever the agent renames, either
// an event tells of it or the look finds it.
type notifier struct {
	w *Watch
	// file is nil where inotify is exhausted. fd is the same descriptor:
	// asking file for it would make it block.
	file *os.File
	fd   int
	// dirs are the folders by watch descriptor, as the last walk found them.
	dirs map[int]string
	// names are all components of the paths. An event of another name costs
	// no walk.
	names map[string]bool
	// incomplete: a folder could not be listened to, so they are looked at.
	incomplete bool
}

// pollEvery is how often is looked where inotify is exhausted
// (fs.inotify.max_user_instances, max_user_watches) or refuses a folder.
const pollEvery = time.Second

const notifyMask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_ONLYDIR

// Start listens until something has appeared, and sends one value then.
func (w *Watch) Start() <-chan struct{} {
	found := make(chan struct{}, 1)
	if len(w.why) == 0 {
		return found
	}
	n := &notifier{w: w, names: map[string]bool{}}
	for p := range w.why {
		for name := range strings.SplitSeq(strings.TrimPrefix(p, w.root(p).path+"/"), "/") {
			n.names[name] = true
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
	w.stop = func() {
		w.stop = func() {}
		close(end)
		if n.file != nil {
			_ = n.file.SetReadDeadline(time.Unix(1, 0)) // wakes it
			defer n.file.Close()
		}
		<-ended
	}
	go func() {
		defer close(ended)
		if appeared || n.listen(end) {
			found <- struct{}{}
		}
	}()
	return found
}

func (n *notifier) lacking(err error) {
	if !n.incomplete {
		logrus.WithError(err).Warnf("--strict looks every %v instead of at once", pollEvery)
	}
	n.incomplete = true
}

// look walks to every path, listens on the way, and reports whether one is
// there.
func (n *notifier) look() (appeared bool) {
	dirs := map[int]string{}
	for _, p := range slices.Sorted(maps.Keys(n.w.why)) {
		if n.w.walk(p, func(fd int, dir string) { n.add(dirs, fd, dir) }, n.w.known) {
			n.w.seen[p] = true
			appeared = true
		}
	}
	for wd := range n.dirs {
		if _, ok := dirs[wd]; !ok {
			_, _ = unix.InotifyRmWatch(n.fd, uint32(wd)) // it may be gone with its folder
		}
	}
	n.dirs = dirs
	return appeared
}

func (n *notifier) add(dirs map[int]string, fd int, dir string) {
	if n.file == nil {
		return
	}
	// The same folder has the same descriptor, however often it is added.
	wd, err := unix.InotifyAddWatch(n.fd, "/proc/self/fd/"+strconv.Itoa(fd), notifyMask)
	if err != nil {
		n.lacking(os.NewSyscallError("inotify_add_watch", err))
		return
	}
	dirs[wd] = dir
}

// listen returns true when something appeared, false when end is closed.
func (n *notifier) listen(end <-chan struct{}) bool {
	if n.file == nil {
		for {
			select {
			case <-end:
				return false
			case <-time.After(pollEvery):
				if n.look() {
					return true
				}
			}
		}
	}
	buf := make([]byte, 64<<10)
	for {
		var deadline time.Time
		if n.incomplete {
			deadline = time.Now().Add(pollEvery)
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
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if n.look() {
				return true
			}
		case err != nil:
			return false
		case n.events(buf[:k]):
			return true
		}
	}
}

// events handles what was read, and reports whether something appeared. What
// an event names counts even if it has gone again.
func (n *notifier) events(buf []byte) bool {
	for len(buf) >= unix.SizeofInotifyEvent {
		// struct inotify_event: int wd; uint32_t mask, cookie, len; char name[].
		wd, mask := int(int32(binary.NativeEndian.Uint32(buf))), binary.NativeEndian.Uint32(buf[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[12:]))
		name := string(bytes.TrimRight(buf[unix.SizeofInotifyEvent:size], "\x00"))
		buf = buf[size:]
		dir, ok := n.dirs[wd]
		p := path.Join(dir, name)
		_, watched := n.w.why[p]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			if n.look() {
				return true
			}
		case !ok || !n.names[name]:
		case watched && mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0:
			n.w.seen[p] = true
			return true
		default:
			if n.look() {
				return true
			}
		}
	}
	return false
}
