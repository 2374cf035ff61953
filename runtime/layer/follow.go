package layer

import (
	"bytes"
	"encoding/binary"
	"os"
	"path"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/search"
)

// Bounds of what is listened to: folders in all, and how long after the start that
// begins, so that a short jail pays nothing.
const (
	maxFolders = 8192
	followFrom = time.Second
	// settle is how long the host is left to finish what it began to change, and
	// again is the least between two looks.
	settle = 20 * time.Millisecond
	again  = 200 * time.Millisecond
)

// Overlayfs keeps what it looked up: a file that the host replaces by rename(2)
// stays what it was inside, and what the host makes anew stays missing. When a file
// system is reconfigured, the kernel forgets all that nobody has open
// (shrink_dcache_sb). The host's folders are listened to, and each change of names
// is followed by that. What the host writes in place is seen without.
//
// It is a help, and no promise: without inotify there is none, and folders beyond the bounds, and those that searches
// pass over, such as node_modules, are not listened to.
type follower struct {
	ls *Layers
	fd int
	// dirs are the folders that are listened to, by watch descriptor.
	dirs map[int]place
	file *os.File
}

// place is a folder below the lower one of a layer.
type place struct {
	layer *layer
	rel   string
}

const followMask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_ONLYDIR

// follow has what the host changes below seen in the layers, until they are closed.
func (ls *Layers) follow() {
	end, ended := make(chan struct{}), make(chan struct{})
	ls.unfollow = func() {
		close(end)
		<-ended
	}
	go func() {
		defer close(ended)
		select {
		case <-end:
			return
		case <-time.After(followFrom):
		}
		f := &follower{ls: ls, dirs: map[int]place{}}
		var err error
		if f.fd, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK); err != nil {
			return
		}
		f.file = os.NewFile(uintptr(f.fd), "inotify")
		defer f.file.Close()
		go func() {
			<-end
			_ = f.file.SetReadDeadline(time.Unix(1, 0)) // wakes it
		}()
		for _, l := range ls.all {
			f.listen(place{l, "."}, end)
		}
		ls.forget() // what came before it was listened to
		f.follow(end)
	}()
}

// follow looks again after each change.
func (f *follower) follow(end <-chan struct{}) {
	buf := make([]byte, 64<<10)
	for {
		n, err := f.file.Read(buf)
		if err != nil {
			return
		}
		f.events(buf[:n], end)
		if !wait(settle, end) {
			return
		}
		for { // what came meanwhile
			n, err := unix.Read(f.fd, buf)
			if err != nil || n <= 0 {
				break
			}
			f.events(buf[:n], end)
		}
		f.ls.forget()
		if !wait(again, end) {
			return
		}
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

// events listens to folders that are new.
func (f *follower) events(buf []byte, end <-chan struct{}) {
	for len(buf) >= unix.SizeofInotifyEvent {
		// struct inotify_event: int wd; uint32_t mask, cookie, len; char name[].
		wd, mask := int(int32(binary.NativeEndian.Uint32(buf))), binary.NativeEndian.Uint32(buf[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[12:]))
		name := string(bytes.TrimRight(buf[unix.SizeofInotifyEvent:size], "\x00"))
		buf = buf[size:]
		at, known := f.dirs[wd]
		switch {
		case mask&unix.IN_IGNORED != 0:
			delete(f.dirs, wd)
		case known && mask&unix.IN_ISDIR != 0 && mask&(unix.IN_CREATE|unix.IN_MOVED_TO) != 0 && !passed(at.rel, name):
			f.listen(place{at.layer, path.Join(at.rel, name)}, end)
		}
	}
}

// passed: nobody listens there. Of git's own files those with names that change are
// heard of, and not each object.
func passed(dir, name string) bool {
	if path.Base(dir) == "objects" {
		return name != "pack"
	}
	return name != ".git" && search.Skips(name)
}

// listen listens to a folder and those in it, the upper ones first.
func (f *follower) listen(from place, end <-chan struct{}) {
	for next := []place{from}; len(next) > 0; next = next[1:] {
		select {
		case <-end:
			return
		default:
		}
		if len(f.dirs) >= maxFolders {
			return
		}
		p := next[0]
		fd, err := unix.Openat2(p.layer.folders.Lower, p.rel, &unix.OpenHow{
			Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NOFOLLOW, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
		})
		if err != nil {
			continue // it is gone, or not ours to read
		}
		dir := os.NewFile(uintptr(fd), p.rel)
		wd, err := unix.InotifyAddWatch(f.fd, "/proc/self/fd/"+strconv.Itoa(fd), followMask)
		if err != nil {
			dir.Close()
			return
		}
		f.dirs[wd] = p
		entries, _ := dir.ReadDir(-1)
		dir.Close()
		for _, e := range entries {
			if e.IsDir() && !passed(p.rel, e.Name()) {
				next = append(next, place{p.layer, path.Join(p.rel, e.Name())})
			}
		}
	}
}

// forget has the kernel look at the host's files again.
func (ls *Layers) forget() {
	for _, mount := range ls.mounts {
		fs, err := unix.Fspick(mount, "", unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH)
		if err == nil {
			_ = unix.FsconfigReconfigure(fs)
			unix.Close(fs)
		}
	}
}
