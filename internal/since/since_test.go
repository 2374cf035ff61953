package since

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestIdle: a folder is passed over at the end only if nothing can have come
// to it.
func TestIdle(t *testing.T) {
	dir := t.TempDir()
	open := func(p string) int {
		fd, err := unix.Open(p, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return fd
	}
	if err := os.Mkdir(filepath.Join(dir, "leaf"), 0o700); err != nil {
		t.Fatal(err)
	}
	top := open(dir)
	up, proc := open(filepath.Dir(dir)), open("/proc/self")
	c := New()
	if c.Idle(top, "leaf") {
		t.Error("one that was made right before is passed over")
	}
	c.Began = time.Now().Add(time.Hour)
	if !c.Idle(top, "leaf") {
		var fs unix.Statfs_t
		if err := unix.Fstatfs(top, &fs); err != nil || fs.Type != unix.EXT4_SUPER_MAGIC && fs.Type != unix.TMPFS_MAGIC {
			t.Skipf("a file system whose folders are not judged: %#x, %v", fs.Type, err)
		}
		t.Error("one that was there an hour before is read")
	}
	if c.Idle(top, "missing") {
		t.Error("one that is not there is passed over")
	}
	if c.Idle(open("/"), "proc") {
		t.Error("one of another file system, which nobody has looked at, is passed over")
	}
	if c.Idle(up, filepath.Base(dir)) {
		t.Error("one that holds a folder is passed over")
	}
	if c.Idle(proc, "fdinfo") {
		t.Error("one of a file system whose folders say nothing by their times is passed over")
	}
	// The agent can set the time of the last change of contents, and not this one.
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "leaf"), &st); err != nil {
		t.Fatal(err)
	}
	c.Began = time.Unix(st.Ctim.Unix()).Add(Slack)
	if c.Idle(top, "leaf") {
		t.Error("one that changed as the jail began is passed over")
	}
	c.Began = c.Began.Add(1)
	if !c.Idle(top, "leaf") {
		t.Error("one that did not change since is read")
	}
	// The kernel's clock for the times of files is behind by a tick.
	time.Sleep(20 * time.Millisecond)
	if err := os.WriteFile(filepath.Join(dir, "leaf/x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(dir, "leaf"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if c.Idle(top, "leaf") {
		t.Error("one that got a file is passed over, with its times set back")
	}
	// Whoever sets the clock back gives all of it up.
	c = New()
	c.offset += time.Minute
	c.Settle()
	c.Began = time.Now().Add(time.Hour)
	if c.Idle(top, "leaf") {
		t.Error("with a clock that was set back it is passed over")
	}
}
