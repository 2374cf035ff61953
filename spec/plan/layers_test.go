package plan

import (
	"path/filepath"
	"strings"
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

// TestLayerName: --layer is a name, and means that there is a layer.
func TestLayerName(t *testing.T) {
	for _, tt := range []struct{ name, mode, want string }{
		{"../x", "", "a layer cannot be called"}, {"a/b", "overlay", "a layer cannot be called"}, {"a", "rw", "leave out --layer"}, {"a", "ro", "leave out --layer"},
	} {
		o := Options{Layer: tt.name, ProjectMode: tt.mode}
		if _, err := o.layer(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	for _, mode := range []string{"", "overlay"} {
		o := Options{Layer: "a", ProjectMode: mode}
		if l, err := o.layer(); err != nil || l.Files.Project == nil || *l.Files.Project != "overlay" {
			t.Errorf("%q: %+v, %v", mode, l, err)
		}
	}
}
