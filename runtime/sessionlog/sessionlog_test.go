package sessionlog

import (
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFIFOs: what somebody put in the place of a file or folder of ours is
// refused, and not waited for.
func TestFIFOs(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() error{
		"the folder of logs": func() error { return Store{Dir: fifo}.drop() },
		"a log":              func() error { _, err := firstLine(fifo); return err },
		"a log that is shown": func() error {
			return Session{file: fifo}.Show(t.Output(), Options{})
		},
	} {
		done := make(chan error, 1)
		go func() { done <- open() }()
		select {
		case err := <-done:
			if err == nil {
				t.Errorf("%s: a FIFO is taken for it", name)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: a FIFO is waited for", name)
		}
	}
}
