package life

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestKilledSupervisorLeavesNothing kills the supervisor at moments that are
// spread over a start and the time after it. Not parallel: it looks at the
// whole host.
func TestKilledSupervisorLeavesNothing(t *testing.T) {
	w := world.New(t)
	// What is made once and stays: the private state, the seccomp cache.
	if r := w.Bash("true"); r.Status != 0 {
		t.Fatal(r)
	}
	status, before := w.Status(), w.TakeTrace()
	n := world.KillRounds()
	var killed atomic.Int32
	world.InParallel(n, func(i int) {
		// The first half of them within the start itself.
		delay := time.Duration(i) * 160 * time.Millisecond / time.Duration(n)
		if i%4 == 0 {
			delay += 150 * time.Millisecond
		}
		if w.Reap(delay, syscall.SIGKILL, w.BashCommand(world.Daemon)).Status == -int(syscall.SIGKILL) {
			killed.Add(1)
		}
	})
	if killed.Load() == 0 {
		t.Error("no supervisor was killed: the test shows nothing")
	}
	w.SameTrace(before)
	if after := w.Status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
}

// TestSignalDuringTheStartLeavesNothing: SIGTERM, and SIGINT as a ctrl-c sends
// it, end the jail or are taken up by it, at any moment.
func TestSignalDuringTheStartLeavesNothing(t *testing.T) {
	w := world.New(t)
	if r := w.Bash("true"); r.Status != 0 {
		t.Fatal(r)
	}
	status, before := w.Status(), w.TakeTrace()
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}
	n := world.KillRounds() / 2
	world.InParallel(n, func(i int) {
		sig := signals[i%3]
		l := w.Reap(time.Duration(i)*120*time.Millisecond/time.Duration(n), sig, w.BashCommand("exec sleep 1"))
		switch l.Status {
		case -int(sig), 128 + int(sig), 0:
		default:
			t.Errorf("signal %d: exit status %d", sig, l.Status)
		}
	})
	w.SameTrace(before)
	if after := w.Status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
}

// TestEndedJailLeavesNothing is the same for jails that end by themselves, also
// with a failure, and with children that do not want to.
func TestEndedJailLeavesNothing(t *testing.T) {
	w := world.New(t)
	if r := w.Bash("true"); r.Status != 0 {
		t.Fatal(r)
	}
	status, before := w.Status(), w.TakeTrace()
	for _, script := range []string{"true", "exit 3", "kill -9 $$", "(setsid sleep 3600 &) ; nohup sleep 3600 >/dev/null 2>&1 & exit 2"} {
		w.Reap(0, 0, w.BashCommand(script))
	}
	w.Run("shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--", "nosuch")
	w.Run("run", "foo")
	w.Run("shell", "--read", "/nosuch", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--", "true")
	w.Run("shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "host", "--require", "net", "--", "true")
	w.SameTrace(before)
	if after := w.Status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
}
