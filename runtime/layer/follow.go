package layer

import (
	"bytes"
	"encoding/binary"
	"os"
	"path"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/later"
	"github.com/jailed-claude/jailed-claude/spec/search"
)

// Bounds of what is listened to: folders in all, and how long after the start that
// begins, so that a short jail pays nothing.
const (
	maxFolders = 8192
	followFrom = time.Second
)

// follower has what the host changes below seen in the layers. It is a help, and
// no promise: without inotify there is none, and folders beyond the bounds, and
// those that searches pass over, such as node_modules, are not listened to. Nobody
// waits for it, neither the jail nor its end: what takes long in the kernel is
// done by a thread of its own.
type follower struct {
	layers []lookedAt
	views  *views
	// began is before the layers were mounted, as now has it.
	began int64
	// recent: a folder has changed since.
	recent bool
	// end is closed when the jail has ended.
	end chan struct{}
	// dirs are the folders that are listened to, by watch descriptor.
	dirs map[int]place
	// mu is for fd, the inotify instance, -1 where there is none, and for closed.
	mu     sync.Mutex
	fd     int
	closed bool
	// news are the names that changed.
	news chan []place
}

// place is a path below the lower folder of a layer, which has a number.
type place struct {
	layer int
	rel   string
}

const followMask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_ONLYDIR

// follow begins to follow what the host changes below layers. The descriptors stay
// the caller's.
func follow(layers []lookedAt, v *views, began int64) *follower {
	f := &follower{views: v, began: began, end: make(chan struct{}), dirs: map[int]place{}, fd: -1, news: make(chan []place)}
	for _, l := range layers {
		f.layers = append(f.layers, l.copy())
	}
	go f.run()
	return f
}

// stop ends it, sooner or later.
func (f *follower) stop() {
	close(f.end)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.fd >= 0 {
		later.Free(f.fd) // the end of this process would wait for it
	}
}

// listener is a new inotify instance, and nil where there is none.
func (f *follower) listener() *os.File {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil
	}
	f.fd = fd
	return os.NewFile(uintptr(fd), "inotify")
}

func (f *follower) close(file *os.File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fd = -1
	file.Close()
}

func (f *follower) run() {
	defer func() {
		for _, l := range f.layers {
			l.close()
		}
	}()
	if !wait(followFrom, f.end) {
		return
	}
	file := f.listener()
	if file == nil {
		return
	}
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		f.look()
	}()
	defer func() { <-looked }() // it uses the layers
	go func() {
		<-f.end
		_ = file.SetReadDeadline(time.Unix(1, 0)) // wakes what reads
	}()
	defer f.close(file)
	// What came before it was listened to has no name. Where nothing came, nobody is
	// disturbed: to a git that looks at its files in this moment they seem changed,
	// for what the kernel has forgotten may get other inode numbers.
	if f.listenAll() && !f.tell(nil) {
		return
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := file.Read(buf)
		if err != nil || !f.tell(f.events(buf[:n])) {
			return
		}
	}
}

// tell hands on which names changed; nil: which ones is not known.
func (f *follower) tell(changed []place) bool {
	select {
	case f.news <- changed:
		return true
	case <-f.end:
		return false
	}
}

func wait(d time.Duration, end <-chan struct{}) bool {
	select {
	case <-end:
		return false
	case <-time.After(d):
		return true
	}
}

// events are the names that changed, nil if not all of them are known. It listens
// to folders that are new.
func (f *follower) events(buf []byte) (changed []place) {
	changed = []place{}
	lost := false
	for len(buf) >= unix.SizeofInotifyEvent {
		// struct inotify_event: int wd; uint32_t mask, cookie, len; char name[].
		wd, mask := int(int32(binary.NativeEndian.Uint32(buf))), binary.NativeEndian.Uint32(buf[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[12:]))
		name := string(bytes.TrimRight(buf[unix.SizeofInotifyEvent:size], "\x00"))
		buf = buf[size:]
		at, known := f.dirs[wd]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			lost = true
		case mask&unix.IN_IGNORED != 0:
			delete(f.dirs, wd)
		case known && name != "":
			p := place{at.layer, path.Join(at.rel, name)}
			changed = append(changed, p)
			if mask&unix.IN_ISDIR != 0 && mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0 && !passed(at.rel, name) {
				changed = append(changed, f.listen(p)...)
			}
		}
	}
	if lost {
		f.listenAll()
		return nil
	}
	return changed
}

// passed: nobody listens there. Of git's own files those with names that change are
// heard of, and not each object.
func passed(dir, name string) bool {
	if path.Base(dir) == "objects" {
		return name != "pack"
	}
	return name != ".git" && search.Skips(name)
}

// listenAll listens to all folders, and says whether something may have come to
// them, or gone, since the layers were mounted.
func (f *follower) listenAll() (changed bool) {
	for i := range f.layers {
		f.listen(place{i, "."})
	}
	return f.recent || len(f.dirs) >= maxFolders
}

// now is the clock by which the kernel notes when folders change, in nanoseconds: it
// is behind the other by some milliseconds.
func now() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &t) != nil {
		return 0 // all of them changed since then
	}
	return t.Nano()
}

// listen listens to a folder and those in it, the upper ones first, and returns
// some of what is in them.
func (f *follower) listen(from place) (names []place) {
	for next := []place{from}; len(next) > 0 && len(f.dirs) < maxFolders; next = next[1:] {
		select {
		case <-f.end:
			return nil
		default:
		}
		p := next[0]
		fd, err := unix.Openat2(f.layers[p.layer].lower, p.rel, &unix.OpenHow{
			Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: inside,
		})
		if err != nil {
			continue // it is gone, or not ours to read
		}
		dir := os.NewFile(uintptr(fd), p.rel)
		wd, err := unix.InotifyAddWatch(f.fd, "/proc/self/fd/"+strconv.Itoa(fd), followMask)
		if err != nil {
			dir.Close()
			return names
		}
		f.dirs[wd] = p
		var st unix.Stat_t
		f.recent = f.recent || unix.Fstat(fd, &st) != nil || st.Ctim.Nano() >= f.began
		entries, _ := dir.ReadDir(-1)
		dir.Close()
		for _, e := range entries {
			at := place{p.layer, path.Join(p.rel, e.Name())}
			if len(names) < most {
				names = append(names, at)
			}
			if e.IsDir() && !passed(p.rel, e.Name()) {
				next = append(next, at)
			}
		}
	}
	return names
}
