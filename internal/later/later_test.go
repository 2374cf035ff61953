package later

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFree: what is freed later is freed: a user has 128 inotify instances, if
// nobody raised that.
func TestFree(t *testing.T) {
	for i := range 1000 {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		for end := time.Now().Add(10 * time.Second); errors.Is(err, unix.EMFILE) && time.Now().Before(end); fd, err = unix.InotifyInit1(unix.IN_CLOEXEC) {
			time.Sleep(time.Millisecond) // the collector is busy
		}
		if err != nil {
			t.Fatalf("instance %d: %v", i, err)
		}
		Free(fd)
		if err := unix.Close(fd); err != nil {
			t.Fatal(err)
		}
	}
}
