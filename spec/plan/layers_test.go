package plan

import (
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/regular"
)

// TestFIFOInPlaceOfThePolicy: what somebody put in the place of the user's
// policy is refused, and not waited for.
func TestFIFOInPlaceOfThePolicy(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "config.toml")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { _, err := parseLayer(regular.Open(fifo)); done <- err }()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a FIFO is taken for a policy")
		}
	case <-time.After(10 * time.Second):
		t.Error("a FIFO is waited for")
	}
}
