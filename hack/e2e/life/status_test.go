package life

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func TestEveryExitStatus(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	before := w.Status()
	world.InParallel(256, func(n int) {
		if r := world.Finish(t, w.Base(fmt.Sprintf("exit %d", n))); r.Status != n {
			t.Errorf("exit %d: %s", n, r)
		}
	})
	if after := w.Status(); after != before {
		t.Errorf("the project changed: %s", after)
	}
}

func TestSignalsBecome128PlusN(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	signals := []int{1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 14, 15}
	world.InParallel(len(signals), func(i int) {
		n := signals[i]
		// A shell has some of them caught or ignored. SIGKILL it cannot have.
		program := fmt.Sprintf("env --default-signal=%d sleep 60", n)
		if n == 9 {
			program = "sleep 60"
		}
		if r := world.Finish(t, w.Base(fmt.Sprintf("(while kill -%d $$; do sleep 0.1; done 2>/dev/null) & exec %s", n, program))); r.Status != 128+n {
			t.Errorf("signal %d: %s", n, r)
		}
	})
}

// TestSignalsReachTheAgent: what is sent to the supervisor arrives.
func TestSignalsReachTheAgent(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	signals := map[string]syscall.Signal{
		"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP,
		"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "QUIT": syscall.SIGQUIT,
	}
	var all sync.WaitGroup
	for name, s := range signals {
		all.Go(func() {
			c := w.Base("trap 'echo got " + name + "; exit 7' " + name + "; echo ready; while :; do sleep 0.02; done")
			out, err := c.StdoutPipe()
			if err != nil {
				t.Error(err)
				return
			}
			if err := c.Start(); err != nil {
				t.Error(err)
				return
			}
			text, signalled := "", false
			buf := make([]byte, 256)
			for {
				n, err := out.Read(buf)
				text += string(buf[:n])
				if !signalled && strings.Contains(text, "ready") {
					signalled = true
					_ = c.Process.Signal(s)
				}
				if err != nil {
					break
				}
			}
			_ = c.Wait()
			if got := world.StatusOf(c.ProcessState); got != 7 || !strings.Contains(text, "got "+name) {
				t.Errorf("SIG%s: exit status %d, output %q", name, got, text)
			}
		})
	}
	all.Wait()
}

// TestUnhandledSignalEndsTheJail: the agent does not catch it, so it ends, and
// the status says by what.
func TestUnhandledSignalEndsTheJail(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	c := w.Base("echo ready; exec sleep 60")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	_ = c.Process.Signal(syscall.SIGTERM)
	_ = c.Wait()
	if got := world.StatusOf(c.ProcessState); got != 128+15 {
		t.Errorf("exit status %d, want 143", got)
	}
}

func TestOwnStatuses(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write("plain", "echo not a program\n")
	w.Write("text", "echo no interpreter line\n")
	w.Write("nointerpreter", "#!/no/such/interpreter\n")
	w.Write("dir/x", "")
	for _, f := range []string{"text", "nointerpreter"} {
		if err := os.Chmod(w.Project+"/"+f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.CommitAll()
	base := world.RequireVariable(t, "BASE_CLOSURE")
	for _, c := range []struct {
		name   string
		args   []string
		status int
		say    string
	}{
		{"no such program", []string{"shell", "--closure", base, "--", "nosuch"}, 127, "nosuch: not found"},
		{"no such path", []string{"shell", "--closure", base, "--", "./nosuch"}, 127, "./nosuch: not found"},
		{"not executable", []string{"shell", "--closure", base, "--", "./plain"}, 126, "./plain: Permission denied"},
		{"no #!", []string{"shell", "--closure", base, "--", "./text"}, 126, "./text: Exec format error"},
		{"no interpreter", []string{"shell", "--closure", base, "--", "./nointerpreter"}, 126, "interpreter"},
		{"a folder", []string{"shell", "--closure", base, "--", "./dir"}, 126, "./dir: Permission denied"},
		{"unknown flag", []string{"run", "--nosuch"}, 125, "unknown flag: --nosuch"},
		{"unknown command", []string{"nosuch"}, 125, "unknown command"},
		{"stray argument", []string{"run", "foo"}, 125, "hint: arguments of the program come after --"},
		{"unknown mode", []string{"shell", "--closure", base, "--net", "nosuch", "--", "true"}, 125, "nosuch"},
		{"unknown requirement", []string{"shell", "--closure", base, "--require", "nosuch", "--", "true"}, 125, "hint: use some of"},
		{"requirement that does not hold", []string{"shell", "--closure", base, "--net", "host", "--require", "net", "--", "true"}, 125, "--require net"},
		{"requirements that hold", []string{"shell", "--closure", base, "--net", "none", "--require", "net,seccomp,userns,caps", "--", "true"}, 0, ""},
	} {
		r := w.Run(c.args...)
		if r.Status != c.status || !strings.Contains(r.Err, c.say) {
			t.Errorf("%s: want exit status %d and %q: %s", c.name, c.status, c.say, r)
		}
		if r.Out != "" {
			t.Errorf("%s: standard output is the program's: %q", c.name, r.Out)
		}
		for _, l := range world.Lines(r.Err) {
			if !strings.HasPrefix(l, "jailed-claude: ") {
				t.Errorf("%s: a line of ours without our name: %q", c.name, l)
			}
		}
	}
}

// TestTheJailEndsWithTheAgent: what the agent leaves running ends too, also
// when it has left the session and holds the output open.
func TestTheJailEndsWithTheAgent(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	begun := time.Now()
	r := world.Finish(t, w.Base("(trap '' TERM HUP INT; nohup sleep 3600 & sleep 3600 & ) ; echo done; exit 5"))
	if r.Status != 5 || r.Out != "done\n" || time.Since(begun) > world.Deadline/2 {
		t.Errorf("after %s: %s", time.Since(begun), r)
	}
}
