// Package since tells what changed after a moment, by what the kernel notes of each
// file (ctime, which nobody can set).
//
// What does not belong here: which files matter.
package since

import (
	"time"

	"golang.org/x/sys/unix"
)

// A Clock knows when something began, on the clock by which the kernel notes
// changes of folders (ctime, which nobody can set).
type Clock struct {
	// Began is when.
	Began  time.Time
	offset time.Duration
	// kinds of file systems by their device: whether their folders can be judged.
	kinds map[uint64]bool
}

// Slack is more than two clocks of one kernel differ by.
const Slack = time.Second

// New is one that begins now.
func New() Clock { return Clock{time.Now(), ahead(), map[uint64]bool{}} }

// ahead is by how much the wall clock is ahead of the one that nobody sets.
func ahead() time.Duration {
	var wall, up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &wall) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return 0
	}
	return time.Duration(wall.Nano() - up.Nano())
}

// Settle gives the Clock up where somebody has set it back meanwhile.
func (c *Clock) Settle() {
	if ahead() < c.offset-Slack/2 {
		c.kinds = nil
	}
}

// Idle reports whether nothing was made in, moved to or taken from a folder of an
// open one since then, and it holds no folders.
func (c *Clock) Idle(dir int, name string) bool {
	var own, st unix.Stat_t
	if unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Nlink != 2 || c.Recent(&st) {
		return false
	}
	dev := uint64(st.Dev) //nolint:unconvert // of 32 bits elsewhere
	local, known := c.kinds[dev]
	if !known {
		if unix.Fstat(dir, &own) != nil || own.Dev != st.Dev {
			return false // dir does not tell which file system it is
		}
		// Local ones, whose folders count the folders in them as links.
		var fs unix.Statfs_t
		local = unix.Fstatfs(dir, &fs) == nil && (fs.Type == unix.EXT4_SUPER_MAGIC || fs.Type == unix.XFS_SUPER_MAGIC || fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.F2FS_SUPER_MAGIC)
		c.kinds[dev] = local
	}
	return local
}

// Recent reports whether what has this status changed since then, or the clock was
// set back meanwhile and nobody can tell.
func (c *Clock) Recent(st *unix.Stat_t) bool {
	return c.kinds == nil || !time.Unix(st.Ctim.Unix()).Before(c.Began.Add(-Slack))
}
