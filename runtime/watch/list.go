package watch

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/entries"
	"github.com/jailed-claude/jailed-claude/spec/search"
)

// list returns what a folder holds that is wanted, and which of all are folders;
// nothing for a folder that cannot be read.
func (w *Watch) list(dir string, wanted func(name []byte) bool) (names, folders []string) {
	fd, err := w.open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil, nil
	}
	defer unix.Close(fd)
	return w.read(fd, wanted)
}

// listNew is the same for a folder in which only what is new matters: nothing for
// one to which nothing came, and which holds no folders.
func (w *Watch) listNew(dir string, wanted func(name []byte) bool) (names, folders []string) {
	fd, err := w.open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil, nil
	}
	defer unix.Close(fd)
	if w.clock.untouched(fd) {
		return nil, nil
	}
	return w.read(fd, wanted)
}

func (w *Watch) read(fd int, wanted func(name []byte) bool) (names, folders []string) {
	if w.buf == nil {
		w.buf = make([]byte, entries.Buffer)
	}
	_ = entries.Each(fd, w.buf, func(name []byte, kind byte) bool {
		if kind == unix.DT_UNKNOWN {
			kind = kindAt(fd, string(name))
		}
		if kind == unix.DT_DIR {
			folders = append(folders, string(name))
		}
		if wanted(name) {
			names = append(names, string(name))
		}
		// A folder of a million entries is not worth the wait.
		return len(folders) <= search.Folders
	})
	return names, folders
}

// kindAt asks for what a file system does not say by itself.
func kindAt(fd int, name string) byte {
	var st unix.Stat_t
	if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return unix.DT_DIR
	}
	return unix.DT_UNKNOWN
}

// clock knows when the jail was prepared, on the clock by which the kernel notes
// changes of folders (ctime, which nobody can set).
type clock struct {
	began  time.Time
	offset time.Duration
	// kinds of file systems by their device: whether their folders can be judged.
	kinds map[uint64]bool
}

// slack is more than two clocks of one kernel differ by.
const slack = time.Second

func newClock() clock { return clock{time.Now(), ahead(), map[uint64]bool{}} }

// ahead is by how much the wall clock is ahead of the one that nobody sets.
func ahead() time.Duration {
	var wall, up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &wall) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return 0
	}
	return time.Duration(wall.Nano() - up.Nano())
}

// settle gives the clock up where somebody has set it back meanwhile.
func (c *clock) settle() {
	if ahead() < c.offset-slack/2 {
		c.kinds = nil
	}
}

// untouched: nothing was made in, moved to or taken from a folder since the jail was
// prepared, and it holds no folders.
func (c *clock) untouched(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && c.idle(&st, fd)
}

// idle is untouched for the status of a folder. fd is it, or another one of its file
// system.
func (c *clock) idle(st *unix.Stat_t, fd int) bool {
	if st.Nlink != 2 || c.recent(st) {
		return false
	}
	dev := uint64(st.Dev) //nolint:unconvert // of 32 bits elsewhere
	known, ok := c.kinds[dev]
	if !ok {
		// Local ones, whose folders count the folders in them as links.
		var fs unix.Statfs_t
		known = unix.Fstatfs(fd, &fs) == nil && (fs.Type == unix.EXT4_SUPER_MAGIC || fs.Type == unix.XFS_SUPER_MAGIC || fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.F2FS_SUPER_MAGIC)
		c.kinds[dev] = known
	}
	return known
}

// recent: what has this status changed since the jail was prepared, or the clock was
// set back meanwhile and nobody can tell.
func (c *clock) recent(st *unix.Stat_t) bool {
	return c.kinds == nil || !time.Unix(st.Ctim.Unix()).Before(c.began.Add(-slack))
}
