package session

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

func TestMain(m *testing.M) {
	os.Exit(world.Main(m, map[string]func(args []string) int{"attack": attack, "tried": tried}))
}

// running are the jails of a world's project.
func running(w *world.World) (all []launch.Running) {
	w.T.Helper()
	r := world.Finish(w.T, w.Command("list", "--json"))
	var every []launch.Running
	if err := json.Unmarshal([]byte(r.Out), &every); err != nil {
		w.T.Fatalf("%v: %s", err, r)
	}
	for _, j := range every {
		if j.Project == w.Project {
			all = append(all, j)
		}
	}
	return all
}

// begin starts a jail and waits until it runs its agent.
func begin(w *world.World, c *exec.Cmd) launch.Running {
	w.T.Helper()
	before := running(w)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	if err := c.Start(); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	world.WaitFor(w.T, "the jail", func() bool { return len(running(w)) > len(before) })
	for _, j := range running(w) {
		if j.PID == c.Process.Pid {
			return j
		}
	}
	w.T.Fatal("the jail is not listed")
	return launch.Running{}
}

// in runs a command in a jail that runs.
func in(w *world.World, j launch.Running, args ...string) world.Result {
	w.T.Helper()
	return world.Finish(w.T, w.Command(append([]string{"exec", j.ID, "--"}, args...)...))
}

// endsWithTest has a jail ended when the test ends, if it has not before: its number
// may be that of another process then, so this keeps a pidfd.
func endsWithTest(w *world.World, j launch.Running) {
	w.T.Helper()
	p, err := os.FindProcess(j.PID)
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { _ = p.Kill() })
}
