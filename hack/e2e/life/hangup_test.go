package life

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// deaf ignores what an end of its terminal tells it, and so does what it has started
// in a session of its own.
const deaf = `trap "" HUP TERM INT; setsid sleep 1000 & echo ready; while :; do sleep 1; echo tick; done`

// TestTerminalGoes: a jail ends with its terminal, whatever its agent ignores, and
// leaves nothing; also one whose terminal is no controlling one, which the kernel
// tells nothing (su -c). A detached one runs on.
func TestTerminalGoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script string
		// own: the terminal is the one of its session.
		own bool
		// at least as long does it run on.
		atLeast time.Duration
		detach  bool
	}{
		"deaf":                            {deaf, true, 5 * time.Second, false},
		"deaf, in another session":        {deaf, false, 5 * time.Second, false},
		"silent, in another session":      {`trap "" HUP TERM INT; echo ready; sleep 1000`, false, 5 * time.Second, false},
		"one that reads, another session": {"echo ready; cat", false, 0, false},
		"one that waits, another session": {"echo ready; sleep 1000", false, 0, false},
		"one that reads":                  {"echo ready; cat", true, 0, false},
		"detached":                        {deaf, true, 0, true},
		"detached, from another session":  {deaf, false, 0, true},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			world.Finish(t, w.Base("true")) // makes what is kept
			before := w.TakeTrace()
			var flags []string
			if c.detach {
				flags = []string{"--on-hangup", "detach"}
			}
			p := world.NewPTY(t)
			jail := w.Base(c.script, flags...)
			jail.Stdin, jail.Stdout, jail.Stderr = p.Slave, p.Slave, p.Slave
			jail.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if c.own {
				p.Attach(jail)
			}
			if err := jail.Start(); err != nil {
				t.Fatal(err)
			}
			world.WaitFor(t, "the agent", func() bool { return strings.Contains(p.Shown(), "ready") })
			// What this process reads keeps the other end open until it has read something.
			_ = p.Master.Close()
			_, _ = p.Slave.WriteString("the end")
			_ = p.Slave.Close()
			began := time.Now()
			err := jail.Wait()
			took := time.Since(began)
			if status := world.StatusOf(jail.ProcessState); status == -int(syscall.SIGKILL) { // by this test, at its deadline
				t.Errorf("it runs on: %v", err)
			}
			if took < c.atLeast {
				t.Errorf("it has got %v to end", took)
			}
			if c.detach {
				// Longer than any other has.
				time.Sleep(15 * time.Second)
				if r := w.Run("list"); !strings.Contains(r.Out, w.Project) {
					t.Errorf("a detached jail is gone: %s", r)
				}
				if r := w.Run("stop", "--grace", "0s"); r.Status != 0 {
					t.Error(r)
				}
			}
			w.SameTrace(before)
		})
	}
}
