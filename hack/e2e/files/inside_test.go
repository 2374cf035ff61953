package files

import (
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestInsideAJail: a jail in a jail says what it is.
func TestInsideAJail(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	bin := world.RequireVariable(t, "BIN")
	r := w.Run("shell", "--package", "host", "--net", "none", "--read", bin, "--", bin, "shell", "--package", "host", "--", "true")
	if r.Status != 125 || !strings.Contains(r.Err, "inside a jail of jailed-claude already") {
		t.Errorf("%s", r)
	}
}
