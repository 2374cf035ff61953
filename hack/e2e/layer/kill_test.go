package layer

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// work changes what it can of the project, over and over.
const work = `n=0; while :; do n=$((n+1)); echo $n >>a; echo {} >.vscode/settings.json; rm -rf dir; mkdir -p dir/deep; echo $n >dir/deep/y; mv b c; mv c b
git add -A; git commit -qm $n; git branch -f topic; chmod 700 other; rm -f link; ln -s b link; done`

// TestSoakKilled kills the supervisor of a jail with a layer at points spread over its
// start and its work. Nothing of the host changes, what the layer holds can be reviewed,
// and a next jail goes on in it.
func TestSoakKilled(t *testing.T) {
	w := project(t)
	if r := inLayer(w, "true"); r.Status != 0 {
		t.Skipf("no layer: %s", r)
	}
	points, rounds := 4, 1
	if world.Soak() {
		points, rounds = 20, 100
	}
	before := print(t, w.Project)
	var killed atomic.Int32
	for round := range rounds {
		for point := range points {
			delay := time.Duration(point*rounds+round) * 600 * time.Millisecond / time.Duration(points*rounds)
			if w.Reap(delay, syscall.SIGKILL, w.BashCommand(work, overlay...)).Status == -int(syscall.SIGKILL) {
				killed.Add(1)
			}
			unchanged(t, w.Project, before)
			if r := world.Finish(t, w.Command("review", "--json")); r.Status != 0 {
				t.Errorf("after %v: %s", delay, r)
			}
			if t.Failed() {
				return
			}
		}
		// git was killed too, and says so with its locks.
		must(w, "find .git -name '*.lock' -delete; git status >/dev/null; git fsck --connectivity-only; echo on >>a")
		if r := world.Finish(t, w.Command("review", "--discard")); r.Status != 0 {
			t.Errorf("%s", r)
		}
	}
	if killed.Load() == 0 {
		t.Error("no supervisor was killed: the test shows nothing")
	}
	world.Counted(t, "%d of %d jails with a layer killed, at %d points", killed.Load(), points*rounds, points)
}
