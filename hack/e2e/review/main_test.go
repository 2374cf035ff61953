package review

import (
	"os"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func TestMain(m *testing.M) { os.Exit(world.Main(m, nil)) }

// review runs jailed-claude review.
func review(w *world.World, args ...string) world.Result {
	w.T.Helper()
	return world.Finish(w.T, w.Command(append([]string{"review"}, args...)...))
}
