package session

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// detached starts a jail that nobody is attached to.
func detached(w *world.World, script string) launch.Running {
	w.T.Helper()
	c := w.Base(script)
	c.Args = append([]string{c.Args[0], "shell", "--detach"}, c.Args[2:]...)
	r := world.Finish(w.T, c)
	if r.Status != 0 {
		w.T.Fatalf("%s", r)
	}
	id := strings.TrimSpace(r.Out)
	for _, j := range running(w) {
		if j.ID == id {
			endsWithTest(w, j)
			return j
		}
	}
	w.T.Fatalf("%s is not listed", id)
	return launch.Running{}
}

// viewer is an attached terminal.
type viewer struct {
	*world.PTY
	c *exec.Cmd
}

func attached(w *world.World, args ...string) *viewer {
	w.T.Helper()
	p := world.NewPTY(w.T)
	c := w.Command(append([]string{"attach"}, args...)...)
	c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
	p.Attach(c)
	if err := c.Start(); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { _ = c.Process.Kill() })
	return &viewer{p, c}
}

func (v *viewer) shows(t *testing.T, text string) {
	t.Helper()
	world.WaitFor(t, fmt.Sprintf("%q on the terminal", text), func() bool { return strings.Contains(v.Shown(), text) })
	if shown := v.Shown(); !strings.Contains(shown, text) {
		t.Fatalf("%q shows %q", v.c.Args, shown)
	}
}

func (v *viewer) types(t *testing.T, text string) {
	t.Helper()
	if _, err := v.Master.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func (v *viewer) detach(t *testing.T) {
	t.Helper()
	v.types(t, "\x10\x11")
	if err := v.c.Wait(); err != nil {
		t.Errorf("attach: %v", err)
	}
	world.WaitFor(t, "a word of how to come back", func() bool { return strings.Contains(v.Shown(), "to come back: jailed-claude attach") })
}

// TestDetachedEnds: how a detached jail ended is told to those who wait, and stop
// leaves nothing.
func TestDetachedEnds(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	world.Finish(t, w.Base("true")) // makes what is kept
	before := w.TakeTrace()
	j := detached(w, "echo begun; read line; echo \"got $line\"; exit 5")
	if r := world.Finish(t, w.Command("logs", j.ID)); r.Status != 0 || !strings.HasPrefix("begun\r\n", r.Out) {
		t.Errorf("logs: %s", r)
	}
	waits := make(chan world.Result, 1)
	go func() { waits <- world.Finish(t, w.Command("wait", j.ID)) }()
	v := attached(w, j.ID)
	v.shows(t, "begun")
	v.types(t, "a line\r")
	_ = v.c.Wait()
	v.shows(t, "got a line")
	if v.c.ProcessState.ExitCode() != 5 {
		t.Errorf("attach: %v, %q", v.c.ProcessState, v.Shown())
	}
	// Nobody knows how it ended that comes a little later.
	if r := <-waits; r.Status != 5 && (r.Status != 125 || !strings.Contains(r.Err, "no jail of yours") && !strings.Contains(r.Err, "the jail has ended")) {
		t.Errorf("wait: %s", r)
	}
	j = detached(w, "trap '' TERM; while :; do sleep 1; done")
	if r := world.Finish(t, w.Command("stop", "--grace", "100ms", j.ID)); r.Status != 0 || len(running(w)) > 0 {
		t.Errorf("stop: %s", r)
	}
	j = detached(w, "trap '' TERM; echo -n busy; while :; do sleep 1; done")
	v = attached(w, j.ID)
	v.shows(t, "busy")
	v.detach(t)
	if !strings.Contains(v.Shown(), "busy\r\njailed-claude: detached") {
		t.Errorf("what attach says is not on a line of its own: %q", v.Shown())
	}
	if r := world.Finish(t, w.Command("stop", "--grace", "1500ms", j.ID)); r.Status != 0 || !strings.Contains(r.Err, "has not ended yet; in 500ms all of the jail is killed") {
		t.Errorf("stop: %s", r)
	}
	j = detached(w, "trap 'exit 9' TERM; while :; do sleep 0.1; done")
	v = attached(w, j.ID)
	world.WaitFor(t, "a viewer", func() bool { return strings.Contains(world.Finish(t, w.Command("list", "--json")).Out, j.ID) })
	if r := world.Finish(t, w.Command("stop", j.ID)); r.Status != 0 {
		t.Errorf("stop: %s", r)
	}
	if _ = v.c.Wait(); v.c.ProcessState.ExitCode() != 9 && v.c.ProcessState.ExitCode() != 125 {
		t.Errorf("attach: %v, %q", v.c.ProcessState, v.Shown())
	}
	if r := world.Finish(t, w.Command("stop", j.ID)); r.Status != 125 || !strings.Contains(r.Err, "no jail of yours") {
		t.Errorf("stop what has ended: %s", r)
	}
	w.SameTrace(before)
}

// TestLastWords: what a detached jail says at its end reaches its user: who stops
// it, and who comes later.
func TestLastWords(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	appears := "mkdir -p .vscode; echo x >.vscode/tasks.json; echo made; exec sleep 1000"
	stop := func(j launch.Running) world.Result {
		world.WaitFor(t, "the file", func() bool { _, err := os.Stat(w.Project + "/.vscode/tasks.json"); return err == nil })
		return world.Finish(t, w.Command("stop", "--grace", "0s", j.ID))
	}
	j := detached(w, appears)
	if r := stop(j); !strings.Contains(r.Err, "/.vscode\"") {
		t.Errorf("stop: %s", r)
	}
	if r := world.Finish(t, w.Command("list")); !strings.Contains(r.Err, "jailed-claude logs "+j.ID) {
		t.Errorf("list: %s", r)
	}
	if r := world.Finish(t, w.Command("logs", j.ID[:6])); r.Status != 0 || !strings.Contains(r.Out, "/.vscode\"") {
		t.Errorf("logs: %s", r)
	}
	if r := world.Finish(t, w.Command("logs", j.ID)); r.Status != 125 || !strings.Contains(r.Err, "no message is left of one that has ended") {
		t.Errorf("logs once more: %s", r)
	}
	// A jail that has nothing to say, and one that was killed, leave nothing.
	if r := world.Finish(t, w.Command("stop", detached(w, "exec sleep 1000").ID)); r.Status != 0 {
		t.Errorf("stop: %s", r)
	}
	k := detached(w, "exec sleep 1000")
	if err := syscall.Kill(k.PID, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	world.WaitFor(t, "the end", func() bool { return len(running(w)) == 0 })
	world.Finish(t, w.Command("list"))
	if files, err := os.ReadDir(w.Home + "/.local/state/jailed-claude/ended"); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
}

// TestManyDetached: a supervisor that is killed takes its jail along and no other.
func TestManyDetached(t *testing.T) {
	t.Parallel()
	const many = 24
	w := world.New(t)
	world.Finish(t, w.Base("true")) // makes what is kept
	before := w.TakeTrace()
	var all []launch.Running
	for i := range many {
		all = append(all, detached(w, "echo "+world.Itoa(i)+"; exec sleep 1000"))
	}
	for i, j := range all {
		if i%3 == 0 {
			_ = syscall.Kill(j.PID, syscall.SIGKILL)
		}
	}
	world.WaitFor(t, "those that were killed to end", func() bool { return len(running(w)) == many-many/3 })
	for i, j := range all {
		if i%3 == 0 {
			continue
		}
		if r := in(w, j, "cat", "/proc/self/comm"); r.Status != 0 {
			t.Errorf("jail %d: %s", i, r)
		}
		if r := world.Finish(t, w.Command("logs", j.ID)); r.Out != world.Itoa(i)+"\r\n" {
			t.Errorf("jail %d: %s", i, r)
		}
		if r := world.Finish(t, w.Command("stop", "--grace", "0s", j.ID)); r.Status != 0 {
			t.Errorf("jail %d: %s", i, r)
		}
	}
	w.SameTrace(before)
}

// TestAttachRounds: nothing that is typed or shown is lost by attaching and
// detaching, while the program shows something all the time and other jails take
// the processors. What is shown are numbers in their order, so that a gap in one
// view, or between one and the next, is seen.
func TestAttachRounds(t *testing.T) {
	t.Parallel()
	rounds := 25
	w := world.New(t)
	if world.Soak() {
		rounds = 1000
		for range 2 {
			detached(w, "while :; do :; done")
		}
	}
	j := detached(w, `stty -echo; (n=0; while [ ! -e stop ]; do n=$((n+1)); echo "count $n;"; [ $((n%50)) = 0 ] && sleep 0.05; done; echo "counted $n.") & while read -r line; do echo "$line" >>typed; done`)
	var typed strings.Builder
	last := 0
	began := time.Now()
	for i := range rounds {
		v := attached(w, j.ID)
		line := fmt.Sprintf("round %d %s.", i, strings.Repeat("x", i))
		typed.WriteString(line + "\n")
		v.types(t, line+"\r")
		v.shows(t, fmt.Sprintf("count %d;", last+1))
		v.detach(t)
		first, n := follow(t, v.Shown())
		if first == 0 || first > last+1 || n <= last {
			t.Fatalf("round %d shows %d to %d, and the one before ended with %d", i, first, n, last)
		}
		last = n
	}
	took := time.Since(began)
	w.Write("stop", "")
	world.WaitFor(t, "what was typed", func() bool { text, _ := os.ReadFile(w.Project + "/typed"); return len(text) >= typed.Len() })
	if got := w.Read("typed"); got != typed.String() {
		t.Errorf("typed %d bytes, and %d came", typed.Len(), len(got))
	}
	var logs string
	world.WaitFor(t, "the end", func() bool {
		logs = world.Finish(t, w.Command("logs", j.ID)).Out
		return strings.Contains(logs, "counted ")
	})
	first, n := follow(t, logs)
	if first > last+1 || !strings.Contains(logs, fmt.Sprintf("counted %d.", n)) {
		t.Errorf("the logs have %d to %d, and the last view ended with %d", first, n, last)
	}
	world.Counted(t, "%d times attached and detached in %s, %d lines shown and %d bytes typed, none lost", rounds, took.Round(time.Second), n, typed.Len())
}

// follow is the first and the last number of those that are shown, which follow one
// another.
func follow(t *testing.T, shown string) (first, last int) {
	t.Helper()
	for l := range strings.Lines(strings.ReplaceAll(shown, "\r", "")) {
		var m int
		if _, err := fmt.Sscanf(l, "count %d;", &m); err != nil || !strings.HasSuffix(l, ";\n") {
			continue
		}
		if first == 0 {
			first, last = m, m-1
		}
		if last++; m != last {
			t.Fatalf("%d after %d", m, last-1)
		}
	}
	return first, last
}

// TestViewers: one writes and the others look on; the size is that of who writes,
// also where it changed while nobody looked.
func TestViewers(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	j := detached(w, `stty -echo; echo ready; while read -r line; do echo "got $line $(stty size)"; done`)
	size := func(v *viewer, width, height string) {
		t.Helper()
		c := exec.Command("stty", "-F", v.Slave.Name(), "cols", width, "rows", height)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	// until types until the terminal shows something.
	until := func(v *viewer, line, text string) {
		t.Helper()
		world.WaitFor(t, fmt.Sprintf("%q", text), func() bool {
			v.types(t, line+"\r")
			time.Sleep(50 * time.Millisecond)
			return strings.Contains(v.Shown(), text)
		})
		v.shows(t, text)
	}
	early := attached(w, j.ID)
	early.shows(t, "ready")
	first := attached(w, j.ID)
	first.shows(t, "ready")
	looks := attached(w, "--read-only", j.ID)
	looks.shows(t, "ready")
	size(first, "90", "20")
	until(first, "one", "got one 20 90")
	looks.shows(t, "got one 20 90")
	second := attached(w, j.ID) // takes over
	size(second, "70", "40")
	second.shows(t, "got one")
	until(second, "two", "got two 40 70")
	first.shows(t, "got two 40 70")
	// What these two type has come and was dropped when they are gone.
	early.types(t, "never\r")
	early.detach(t)
	looks.types(t, "no\r")
	looks.detach(t)
	second.detach(t)
	// The first one writes again, and has its size.
	until(first, "three", "got three 20 90")
	for _, never := range []string{"got no ", "got never "} {
		if strings.Contains(first.Shown(), never) {
			t.Errorf("%q in %q", never, first.Shown())
		}
	}
	first.detach(t)
	third := attached(w, j.ID)
	third.shows(t, "got three")
	third.types(t, "four\r")
	third.shows(t, "got four")
}

// TestHangup: a terminal that closes, and one that is killed, leave the jail alone.
func TestHangup(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	j := detached(w, `echo ready; while read -r line; do echo "got $line"; done`)
	v := attached(w, j.ID)
	v.shows(t, "ready")
	_ = v.c.Process.Signal(syscall.SIGHUP) // what the kernel sends
	if err := v.c.Wait(); err != nil {
		t.Errorf("attach: %v", err)
	}
	v = attached(w, j.ID)
	v.shows(t, "ready")
	_ = v.c.Process.Kill()
	_ = v.c.Wait()
	v = attached(w, j.ID)
	v.shows(t, "ready")
	v.types(t, "here\r")
	v.shows(t, "got here")
	_ = syscall.Kill(j.PID, syscall.SIGKILL)
	if _ = v.c.Wait(); v.c.ProcessState.ExitCode() != 125 {
		t.Errorf("%v: %q", v.c.ProcessState, v.Shown())
	}
	v.shows(t, "killed")
}
