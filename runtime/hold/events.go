package hold

import (
	"bytes"
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/later"
	"github.com/jailed-claude/jailed-claude/runtime/rootfs"
)

// listener is an inotify(7) instance that listens to folders.
type listener struct {
	fd   int
	mask uint32
	// dirs are the folders by watch descriptor: those that are there now, and
	// those that were there before.
	dirs map[int]string
	buf  []byte
}

const (
	nameMask  = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE
	wrote     = unix.IN_MODIFY | unix.IN_CLOSE_WRITE
	writeMask = nameMask | wrote | unix.IN_ATTRIB
)

func listen(mask uint32) (*listener, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init", err)
	}
	return &listener{fd: fd, mask: mask, dirs: map[int]string{}, buf: make([]byte, 16<<10)}, nil
}

func (l *listener) close() {
	if l != nil {
		later.Free(l.fd)
		_ = unix.Close(l.fd)
	}
}

// add listens to a folder, by no symlink, and says whether it did not before.
//
// The name of a descriptor in /proc would lead there, but the jail's /proc does
// not show this process: the thread works in the folder for as long as it takes.
func (l *listener) add(dir string) (added bool, err error) {
	if l == nil {
		return false, nil
	}
	fd, err := rootfs.Resolve(dir)
	if err != nil {
		return false, nil // it is gone, which its place says
	}
	defer unix.Close(fd)
	if err := unix.Fchdir(fd); err != nil {
		return false, os.NewSyscallError("fchdir", err)
	}
	wd, err := unix.InotifyAddWatch(l.fd, ".", l.mask|unix.IN_ONLYDIR)
	if e := unix.Chdir("/"); e != nil {
		return false, os.NewSyscallError("chdir", e)
	}
	if err != nil {
		return false, os.NewSyscallError("inotify_add_watch", err)
	}
	added = l.dirs[wd] != dir
	l.dirs[wd] = dir
	return added, nil
}

// event is something that happened to a name in a folder. lost: there were more
// than the kernel keeps.
type event struct {
	dir, name string
	mask      uint32
	lost      bool
}

// read returns what has happened; it does not wait.
func (l *listener) read() (all []event) {
	if l == nil {
		return nil
	}
	for {
		n, err := unix.Read(l.fd, l.buf)
		if err != nil || n <= 0 {
			return all
		}
		for buf := l.buf[:n]; len(buf) >= unix.SizeofInotifyEvent; {
			// struct inotify_event: int wd; uint32_t mask, cookie, len; char name[].
			wd, mask := int(int32(binary.NativeEndian.Uint32(buf))), binary.NativeEndian.Uint32(buf[4:])
			size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[12:]))
			name := string(bytes.TrimRight(buf[unix.SizeofInotifyEvent:size], "\x00"))
			buf = buf[size:]
			all = append(all, event{dir: l.dirs[wd], name: name, mask: mask, lost: mask&unix.IN_Q_OVERFLOW != 0})
		}
	}
}

// concern reads what has happened, and says whether it was to one of the names.
func (l *listener) concern(names map[string]bool) bool {
	yes := false
	for _, e := range l.read() {
		yes = yes || e.lost || names[e.name]
	}
	return yes
}
