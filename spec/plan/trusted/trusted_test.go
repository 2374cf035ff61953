package trusted

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
)

// TestReviewName: no name leads out of the layers of the project, whether there is
// something in that place or not.
func TestReviewName(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	dir := t.TempDir()
	usual, err := Review(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Dir(usual.Layer)
	const bad = "../../elsewhere"
	for range 2 {
		if o, err := Review(dir, bad); o.Layer != "" || err == nil || !strings.Contains(err.Error(), "a layer cannot be called") {
			t.Errorf("%q, %v", o.Layer, err)
		}
		if err := os.MkdirAll(string(layer.In(state, bad)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if o, err := Review(dir, "a"); err != nil || o.Layer != filepath.Join(state, "layers/a/layer") {
		t.Errorf("%q, %v", o.Layer, err)
	}
}
