package image

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFullIsSaidOnce: what failed is said once, not also that the rest gave up, and no half
// layout is left.
func TestFullIsSaidOnce(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	once := func(err error) {
		t.Helper()
		if !errors.Is(err, unix.ENOSPC) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v", err)
		}
	}
	_, err = writeArchive(context.Background(), full, t.TempDir(), store(t), Options{Compression: None})
	once(err)
	if os.Getuid() != 0 {
		t.Skip("mounting a small tmpfs takes root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount a small tmpfs: %v", err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	for range 5 {
		_, err = Write(context.Background(), dir+"/image", store(t), Options{Compression: None})
		once(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
