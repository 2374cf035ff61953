package network

import (
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestFilteredUnderARuntime: the wall stands around another runtime, too; what it
// refuses is said at the end.
func TestFilteredUnderARuntime(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"runc", "crun"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world.RequireTool(t, name)
			w, l := evasionLab(t)
			l.Caught()
			c := w.Part("reach", "--net", "filtered", "--allow", "allowed.example:22", "--runtime", name)
			c.Args = append(c.Args, "allowed.example:22", "other.example:22", "allowed.example:443")
			r := world.Finish(t, c)
			if got := world.Lines(r.Out); !slices.Equal(got, []string{"allowed.example:22"}) || !strings.Contains(r.Err, "other.example:22") || !strings.Contains(r.Err, "allowed.example:443") {
				t.Errorf("reached %q: %s", got, r)
			}
			if hits := l.Caught().Hits; len(hits) != 1 {
				t.Errorf("what arrived: %q", hits)
			}
		})
	}
}
