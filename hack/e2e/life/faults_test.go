package life

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/runtime/fault"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// rounds is how often a loop goes round: a few times in every test run, often
// in hack/soak.sh.
func rounds(few, often int) int {
	if world.Soak() {
		return often
	}
	return few
}

// withFaults makes w use the program that has faults.
func withFaults(w *world.World) {
	w.T.Helper()
	w.Bin = world.RequireVariable(w.T, "BIN_FAULTS")
}

// filesLeft are all names that our program could leave below the caller's folders,
// the project's own and the logs of sessions, one a start, left out.
func filesLeft(w *world.World) (names []string) {
	w.T.Helper()
	err := filepath.WalkDir(w.Dir, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == w.Project, strings.Contains(p, "/jailed-claude/log/"):
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		names = append(names, p)
		return nil
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return names
}

// settled makes what is made once and stays, and returns what is there then.
func settled(w *world.World, start func() *exec.Cmd) (status string, files []string, before world.Trace) {
	w.T.Helper()
	if r := world.Finish(w.T, start()); r.Status != 0 {
		w.T.Fatalf("an undisturbed start: %s", r)
	}
	_ = os.Remove(filepath.Join(w.Project, "ran"))
	return w.Status(), filesLeft(w), w.TakeTrace()
}

// freePort is a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// noListener waits until nobody listens on a port.
func noListener(t *testing.T, port int) {
	t.Helper()
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = l.Close()
			return
		}
	}
	t.Errorf("a listener is left: %v", err)
}

// wayOfStart is one kind of jail for a loop of faults.
type wayOfStart struct {
	name     string
	flags    []string
	terminal bool
	listens  bool
	// whole: the planning process becomes the supervisor, and no other waits.
	whole bool
}

func waysOfStart(port int) []wayOfStart {
	publish := fmt.Sprintf("--port=%d", port)
	all := []wayOfStart{
		{name: "internet", flags: []string{"--net=internet", publish}, listens: true},
		{name: "filtered on a terminal", flags: []string{"--net=filtered", "--allow=a.example", publish}, terminal: true, listens: true},
		{name: "none", flags: []string{"--net=none"}},
		{name: "host", flags: []string{"--net=host"}},
		{name: "internet in one process", flags: []string{"--net=internet", publish}, listens: true, whole: true},
	}
	if !world.Soak() {
		return all[:2]
	}
	return all
}

// TestFaultAtEveryPoint: wherever a start is killed or fails, nothing is left,
// the exit status is what the documentation says, and the program has run only
// if the point is behind its release. Not parallel: it looks at the whole host.
func TestFaultAtEveryPoint(t *testing.T) {
	w := world.New(t)
	withFaults(w)
	port := freePort(t)
	n := 0
	for _, way := range waysOfStart(port) {
		start := func() *exec.Cmd {
			w.Whole = way.whole
			return w.NetShell("touch ran; exit 0", way.flags...)
		}
		status, files, before := settled(w, start)
		for range rounds(1, 3) {
			for i, p := range fault.Start {
				for _, action := range []string{fault.Kill, fault.Fail, fault.Orphan} {
					// Before PID 1 there is no child to lose, and behind the end none.
					if action == fault.Orphan && (i < slices.Index(fault.Start, fault.Started) || i > slices.Index(fault.Start, fault.Released)) {
						continue
					}
					if p == fault.Waiting && (way.whole || world.Without("split")) {
						continue
					}
					n++
					oneFault(w, start(), p, action, way.terminal)
					if way.listens {
						noListener(t, port)
					}
					ran := os.Remove(filepath.Join(w.Project, "ran")) == nil
					// Whose PID 1 is only just dying may have got its release before.
					behind := i >= slices.Index(fault.Start, fault.Released) || action == fault.Orphan
					if ran && !behind {
						t.Errorf("%s: %s at %s: the program ran", way.name, action, p)
					}
					if got := filesLeft(w); !slices.Equal(got, files) {
						t.Errorf("%s: %s at %s: the caller's folders hold %q, before %q", way.name, action, p, got, files)
					}
				}
			}
			w.SameTrace(before)
		}
		if after := w.Status(); after != status {
			t.Errorf("%s: the project changed:\n%s\nbefore:\n%s", way.name, after, status)
		}
		delete(w.Env, fault.Variable)
		if r := world.Finish(t, start()); r.Status != 0 {
			t.Errorf("%s: a start after all that: %s", way.name, r)
		}
		_ = os.Remove(filepath.Join(w.Project, "ran"))
	}
	world.Counted(t, "%d faults, at %d points", n, len(fault.Start))
}

// oneFault is a start with a fault.
func oneFault(w *world.World, c *exec.Cmd, p fault.Point, action string, terminal bool) {
	w.T.Helper()
	c.Env = append(c.Env, fault.Variable+"="+string(p)+":"+action)
	l, text := reapWhole(w, c, terminal)
	switch action {
	case fault.Kill:
		// Of a half that only plans, the other one says how it ended.
		if l.Status != -int(syscall.SIGKILL) && (l.Status != 128+9 || slices.Index(fault.Start, p) > slices.Index(fault.Start, fault.HandOver)) {
			w.T.Errorf("%s at %s: exit status %d, so the point is nowhere: %s", action, p, l.Status, text)
		}
	case fault.Fail:
		if want := fmt.Sprintf("a fault that was asked for, at %q", p); l.Status != 125 || !strings.Contains(text, "jailed-claude: ") || strings.Count(text, want) != 1 {
			w.T.Errorf("%s at %s: exit status %d, want 125 and the reason once: %s", action, p, l.Status, text)
		}
	case fault.Orphan:
		// PID 1 is dying: a failure of ours if that is seen before the program
		// runs, and otherwise the end by a signal.
		if l.Status != 125 && l.Status != 128+9 && (l.Status != 0 || p != fault.Released) {
			w.T.Errorf("%s at %s: exit status %d: %s", action, p, l.Status, text)
		}
	}
	if strings.Contains(text, "panic") || strings.Contains(text, "goroutine") {
		w.T.Errorf("%s at %s: %s", action, p, text)
	}
}

// reapWhole is a start under the reaper, on a terminal or not, with what it
// said on standard error.
func reapWhole(w *world.World, c *exec.Cmd, terminal bool) (l world.Leftover, text string) {
	w.T.Helper()
	self, err := os.Executable()
	if err != nil {
		w.T.Fatal(err)
	}
	r := exec.Command(self, append([]string{"0", "0"}, c.Args...)...)
	r.Dir, r.Env = c.Dir, append(slices.Clone(c.Env), world.PartEnv+"=reaper")
	var p *world.PTY
	if terminal {
		p = world.NewPTY(w.T)
		r.Stdin, r.Stderr = p.Slave, p.Slave
	}
	out := world.Finish(w.T, r)
	if err := json.Unmarshal([]byte(out.Out), &l); err != nil {
		w.T.Fatalf("%v: %s", err, out)
	}
	text = out.Err
	if terminal {
		_ = p.Slave.Close()
		if len(l.Processes) == 0 {
			<-p.Done
		}
		text = p.Shown()
	}
	if len(l.Processes) > 0 {
		w.T.Errorf("%v left processes: %q; %s", c.Env[len(c.Env)-1], l.Processes, text)
	}
	return l, text
}

// TestReleaseHasNoFaults: the program that users get knows nothing of faults.
func TestReleaseHasNoFaults(t *testing.T) {
	t.Parallel()
	if os.Getenv("JAIL_TEST_WITHOUT") != "" {
		t.Skip("these tests run the program with faults")
	}
	w := world.New(t)
	for _, p := range fault.Start {
		w.Env[fault.Variable] = string(p) + ":" + fault.Kill
		if r := world.Finish(t, w.Base("echo started")); r.Status != 0 || r.Out != "started\n" {
			t.Errorf("%s: %s", p, r)
		}
		if !world.Soak() {
			break
		}
	}
	for name, want := range map[string]bool{"BIN": false, "BIN_FAULTS": true} {
		f, err := os.Open(world.RequireVariable(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got := contains(t, f, fault.Variable); got != want {
			t.Errorf("JAIL_TEST_%s knows %s: %v", name, fault.Variable, got)
		}
	}
}

// contains looks for a text in a file.
func contains(t *testing.T, f *os.File, text string) bool {
	t.Helper()
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		b, err := r.Peek(1 << 20)
		if strings.Contains(string(b), text) {
			return true
		}
		if err != nil {
			return false
		}
		if _, err := r.Discard(len(b) - len(text)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFaultInHooks: the same for exported bundles: whichever of the hooks'
// processes is killed or fails, the container does not run without its network,
// and nothing is left of it, also when the runtime calls no further hook.
func TestFaultInHooks(t *testing.T) {
	w, l := world.NewLab(t)
	withFaults(w)
	l.Name("allowed.example", lab.PublicA)
	n := 0
	for name, run := range world.RunInLab {
		for range rounds(1, 3) {
			for _, p := range fault.Hooks {
				for _, action := range []string{fault.Kill, fault.Fail} {
					n++
					oneHookFault(w, name, run, n, p, action)
				}
			}
		}
	}
	world.Counted(t, "%d faults in hooks, at %d points", n, len(fault.Hooks))
}

func oneHookFault(w *world.World, name string, run func(*world.World, string, string) *exec.Cmd, n int, p fault.Point, action string) {
	w.T.Helper()
	dir := w.Bundle(func(s *specs.Spec) {
		for _, hooks := range [][]specs.Hook{s.Hooks.CreateRuntime, s.Hooks.CreateContainer, s.Hooks.Poststop} {
			for i := range hooks {
				hooks[i].Env = append(hooks[i].Env, fault.Variable+"="+string(p)+":"+action)
			}
		}
	}, "--net", "filtered", "--allow", "allowed.example", "--port", "3000", "--", "bash", "-c", "echo started")
	before := w.TakeTrace()
	r := world.Finish(w.T, run(w, dir, fmt.Sprintf("%s-%s-%d", filepath.Base(w.Dir), name, n)))
	if ran := strings.Contains(r.Out, "started"); ran != (p == fault.HookStops) {
		w.T.Errorf("%s: %s at %s: the program ran: %v: %s", name, action, p, ran, r)
	}
	if r.Status == 0 && p != fault.HookStops {
		w.T.Errorf("%s: %s at %s: %s", name, action, p, r)
	}
	w.SameTrace(before)
	// The keeper ends by itself when it has said what is wrong.
	for end := time.Now().Add(world.Deadline / 9); w.Open(3000); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.T.Errorf("%s: %s at %s: the port is open", name, action, p)
			break
		}
	}
	entries, err := os.ReadDir(dir)
	// crun calls no poststop hook for what was never created, so nothing of
	// ours runs that could remove the socket once the keeper was killed; the
	// next start does.
	orphaned := name == "crun" && (p == fault.HookListens || p == fault.KeeperWaits) && action == fault.Kill
	if err != nil || len(entries) != 2 && !orphaned {
		w.T.Errorf("%s: %s at %s: the bundle holds %v (%v)", name, action, p, entries, err)
	}
}
