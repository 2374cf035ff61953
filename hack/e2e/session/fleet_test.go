package session

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// TestSoakFleet: many detached jails, each with a terminal attached. One supervisor
// after the other is killed: it takes its jail and its viewer along, and no other
// jail or viewer notices.
func TestSoakFleet(t *testing.T) {
	t.Parallel()
	many, kills := 6, 2
	if world.Soak() {
		many, kills = 50, 5
	}
	w := world.New(t)
	world.Finish(t, w.Base("true")) // makes what is kept
	before := w.TakeTrace()
	var all []launch.Running
	var viewers []*viewer
	began := time.Now()
	for i := range many {
		all = append(all, detached(w, fmt.Sprintf(`stty -echo; echo "jail %d."; while read -r line; do echo "%d got $line."; done`, i, i)))
	}
	started := time.Since(began)
	began = time.Now()
	for i, j := range all {
		v := attached(w, j.ID)
		v.shows(t, fmt.Sprintf("jail %d.", i))
		viewers = append(viewers, v)
	}
	attachedIn := time.Since(began)
	began = time.Now()
	if list := running(w); len(list) != many {
		t.Errorf("%d jails are listed", len(list))
	}
	listed := time.Since(began)
	dead := map[int]bool{}
	for n := range kills {
		k := n * many / kills
		dead[k] = true
		if err := syscall.Kill(all[k].PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if _ = viewers[k].c.Wait(); viewers[k].c.ProcessState.ExitCode() != 125 {
			t.Errorf("the viewer of jail %d: %v", k, viewers[k].c.ProcessState)
		}
		viewers[k].shows(t, "killed")
		for i, v := range viewers {
			if !dead[i] {
				v.types(t, fmt.Sprintf("round %d\r", n))
			}
		}
		for i, v := range viewers {
			if !dead[i] {
				v.shows(t, fmt.Sprintf("%d got round %d.", i, n))
			}
		}
	}
	for i, v := range viewers {
		for other := range many {
			if text := fmt.Sprintf("%d got round", other); i != other && strings.Contains(v.Shown(), "\n"+text) {
				t.Errorf("jail %d shows what jail %d did", i, other)
			}
		}
	}
	var memory int64
	for _, j := range running(w) {
		if s := status(w, j.ID); s.Viewers != 1 {
			t.Errorf("%s: %+v", j.ID, s)
		}
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", j.PID))
		for line := range strings.Lines(string(text)) {
			var kb int64
			if _, err := fmt.Sscanf(line, "Pss: %d kB", &kb); err == nil {
				memory += kb
			}
		}
	}
	if left := len(running(w)); left != many-kills {
		t.Errorf("%d jails are left, not %d", left, many-kills)
	}
	for i, v := range viewers {
		if !dead[i] {
			v.detach(t)
		}
	}
	for i, j := range all {
		if !dead[i] {
			if r := world.Finish(t, w.Command("stop", "--grace", "0s", j.ID)); r.Status != 0 {
				t.Errorf("jail %d: %s", i, r)
			}
		}
	}
	w.SameTrace(before)
	world.Counted(t, "%d jails with a viewer each, %d supervisors killed, nothing left; started in %s, attached in %s, listed in %s, supervisors %d KiB each (PSS)",
		many, kills, started.Round(time.Millisecond), attachedIn.Round(time.Millisecond), listed.Round(time.Millisecond), memory/int64(many-kills))
}
