package e2e

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
)

// soak: the loops are to run in full (hack/soak.sh).
func soak() bool { return os.Getenv("JAIL_TEST_SOAK") == "1" }

// rounds is how often a loop goes round: a few times in every test run, often
// in hack/soak.sh.
func rounds(few, often int) int {
	if soak() {
		return often
	}
	return few
}

// counted is a line of counts, which hack/soak.sh gathers.
func counted(t *testing.T, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf("%s: %s: %s\n", os.Getenv("USER"), t.Name(), fmt.Sprintf(format, args...))
	t.Log(line)
	name := os.Getenv("JAIL_TEST_COUNTS")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line); err != nil {
		t.Error(err)
	}
}

// withFaults makes w use the program that has faults.
func (w *world) withFaults() {
	w.t.Helper()
	w.bin = requireVariable(w.t, "BIN_FAULTS")
}

// files are all names that our program could leave below the caller's folders,
// the project's own and the logs of sessions, one a start, left out.
func (w *world) files() (names []string) {
	w.t.Helper()
	err := filepath.WalkDir(w.dir, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p == w.project, strings.Contains(p, "/jailed-claude/log/"):
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		names = append(names, p)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}

// settled makes what is made once and stays, and returns what is there then.
func (w *world) settled(start func() *exec.Cmd) (status string, files []string, before trace) {
	w.t.Helper()
	if r := finish(w.t, start()); r.status != 0 {
		w.t.Fatalf("an undisturbed start: %s", r)
	}
	_ = os.Remove(filepath.Join(w.project, "ran"))
	return w.status(), w.files(), w.takeTrace()
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
	if !soak() {
		return all[:2]
	}
	return all
}

// TestFaultAtEveryPoint: wherever a start is killed or fails, nothing is left,
// the exit status is what the documentation says, and the program has run only
// if the point is behind its release. Not parallel: it looks at the whole host.
func TestFaultAtEveryPoint(t *testing.T) {
	w := newWorld(t)
	w.withFaults()
	port := freePort(t)
	n := 0
	for _, way := range waysOfStart(port) {
		start := func() *exec.Cmd {
			c := w.netShell("touch ran; exit 0", way.flags...)
			if way.whole {
				// The program splits itself only where the command comes first.
				c.Args = slices.Insert(c.Args, 1, "--log-format=text")
			}
			return c
		}
		status, files, before := w.settled(start)
		for range rounds(1, 3) {
			for i, p := range fault.Start {
				for _, action := range []string{fault.Kill, fault.Fail, fault.Orphan} {
					// Before PID 1 there is no child to lose, and behind the end none.
					if action == fault.Orphan && (i < slices.Index(fault.Start, fault.Started) || i > slices.Index(fault.Start, fault.Released)) {
						continue
					}
					if p == fault.Waiting && way.whole {
						continue
					}
					n++
					w.oneFault(start(), p, action, way.terminal)
					if way.listens {
						noListener(t, port)
					}
					ran := os.Remove(filepath.Join(w.project, "ran")) == nil
					// Whose PID 1 is only just dying may have got its release before.
					behind := i >= slices.Index(fault.Start, fault.Released) || action == fault.Orphan
					if ran && !behind {
						t.Errorf("%s: %s at %s: the program ran", way.name, action, p)
					}
					if got := w.files(); !slices.Equal(got, files) {
						t.Errorf("%s: %s at %s: the caller's folders hold %q, before %q", way.name, action, p, got, files)
					}
				}
			}
			w.sameTrace(before)
		}
		if after := w.status(); after != status {
			t.Errorf("%s: the project changed:\n%s\nbefore:\n%s", way.name, after, status)
		}
		delete(w.env, fault.Variable)
		if r := finish(t, start()); r.status != 0 {
			t.Errorf("%s: a start after all that: %s", way.name, r)
		}
		_ = os.Remove(filepath.Join(w.project, "ran"))
	}
	counted(t, "%d faults, at %d points", n, len(fault.Start))
}

// oneFault is a start with a fault.
func (w *world) oneFault(c *exec.Cmd, p fault.Point, action string, terminal bool) {
	w.t.Helper()
	c.Env = append(c.Env, fault.Variable+"="+string(p)+":"+action)
	l, text := w.reapWhole(c, terminal)
	switch action {
	case fault.Kill:
		// Of a half that only plans, the other one says how it ended.
		if l.Status != -int(syscall.SIGKILL) && (l.Status != 128+9 || slices.Index(fault.Start, p) > slices.Index(fault.Start, fault.HandOver)) {
			w.t.Errorf("%s at %s: exit status %d, so the point is nowhere: %s", action, p, l.Status, text)
		}
	case fault.Fail:
		if want := fmt.Sprintf("a fault that was asked for, at %q", p); l.Status != 125 || !strings.Contains(text, "jailed-claude: ") || strings.Count(text, want) != 1 {
			w.t.Errorf("%s at %s: exit status %d, want 125 and the reason once: %s", action, p, l.Status, text)
		}
	case fault.Orphan:
		// PID 1 is dying: a failure of ours if that is seen before the program
		// runs, and otherwise the end by a signal.
		if l.Status != 125 && l.Status != 128+9 && (l.Status != 0 || p != fault.Released) {
			w.t.Errorf("%s at %s: exit status %d: %s", action, p, l.Status, text)
		}
	}
	if strings.Contains(text, "panic") || strings.Contains(text, "goroutine") {
		w.t.Errorf("%s at %s: %s", action, p, text)
	}
}

// reapWhole is a start under the reaper, on a terminal or not, with what it
// said on standard error.
func (w *world) reapWhole(c *exec.Cmd, terminal bool) (l leftover, text string) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	r := exec.Command(self, append([]string{"0", "0"}, c.Args...)...)
	r.Dir, r.Env = c.Dir, append(slices.Clone(c.Env), partEnv+"=reaper")
	var p *pty
	if terminal {
		p = newPTY(w.t)
		r.Stdin, r.Stderr = p.slave, p.slave
	}
	out := finish(w.t, r)
	if err := json.Unmarshal([]byte(out.out), &l); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	text = out.err
	if terminal {
		_ = p.slave.Close()
		if len(l.Processes) == 0 {
			<-p.done
		}
		text = p.shown()
	}
	if len(l.Processes) > 0 {
		w.t.Errorf("%v left processes: %q; %s", c.Env[len(c.Env)-1], l.Processes, text)
	}
	return l, text
}

// TestReleaseHasNoFaults: the program that users get knows nothing of faults.
func TestReleaseHasNoFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, p := range fault.Start {
		w.env[fault.Variable] = string(p) + ":" + fault.Kill
		if r := finish(t, w.base("echo started")); r.status != 0 || r.out != "started\n" {
			t.Errorf("%s: %s", p, r)
		}
		if !soak() {
			break
		}
	}
	for name, want := range map[string]bool{"BIN": false, "BIN_FAULTS": true} {
		f, err := os.Open(requireVariable(t, name))
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
	w, l := newLab(t)
	w.withFaults()
	l.name("allowed.example", publicA)
	n := 0
	for name, run := range runInLab {
		for range rounds(1, 3) {
			for _, p := range fault.Hooks {
				for _, action := range []string{fault.Kill, fault.Fail} {
					n++
					w.oneHookFault(name, run, n, p, action)
				}
			}
		}
	}
	counted(t, "%d faults in hooks, at %d points", n, len(fault.Hooks))
}

func (w *world) oneHookFault(name string, run func(*world, string, string) *exec.Cmd, n int, p fault.Point, action string) {
	w.t.Helper()
	dir := w.bundle(func(s *specs.Spec) {
		for _, hooks := range [][]specs.Hook{s.Hooks.CreateRuntime, s.Hooks.CreateContainer, s.Hooks.Poststop} {
			for i := range hooks {
				hooks[i].Env = append(hooks[i].Env, fault.Variable+"="+string(p)+":"+action)
			}
		}
	}, "--net", "filtered", "--allow", "allowed.example", "--port", "3000", "--", "bash", "-c", "echo started")
	before := w.takeTrace()
	r := finish(w.t, run(w, dir, fmt.Sprintf("%s-%s-%d", filepath.Base(w.dir), name, n)))
	if ran := strings.Contains(r.out, "started"); ran != (p == fault.HookStops) {
		w.t.Errorf("%s: %s at %s: the program ran: %v: %s", name, action, p, ran, r)
	}
	if r.status == 0 && p != fault.HookStops {
		w.t.Errorf("%s: %s at %s: %s", name, action, p, r)
	}
	w.sameTrace(before)
	// The keeper ends by itself when it has said what is wrong.
	for end := time.Now().Add(deadline / 9); w.open(3000); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Errorf("%s: %s at %s: the port is open", name, action, p)
			break
		}
	}
	entries, err := os.ReadDir(dir)
	// crun calls no poststop hook for what was never created, so nothing of
	// ours runs that could remove the socket once the keeper was killed; the
	// next start does.
	orphaned := name == "crun" && (p == fault.HookListens || p == fault.KeeperWaits) && action == fault.Kill
	if err != nil || len(entries) != 2 && !orphaned {
		w.t.Errorf("%s: %s at %s: the bundle holds %v (%v)", name, action, p, entries, err)
	}
}
