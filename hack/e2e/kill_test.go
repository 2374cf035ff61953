package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// leftover is what a killed jail left behind.
type leftover struct {
	// Processes still ran when all should have ended.
	Processes []string
	// Status of the supervisor, -N if signal N ended it.
	Status int
}

// reaper is the part "reaper": it starts a jail, sends its supervisor a signal
// after a while, and waits until no process of it is left. As a child
// subreaper (prctl(2)) it inherits every orphan, so none can hide, whatever it
// did to its name, session or environment.
//
// Arguments: the delay in microseconds, the signal, the program and its
// arguments.
func reaper(args []string) int {
	delay, err1 := strconv.Atoi(args[0])
	sig, err2 := strconv.Atoi(args[1])
	if err1 != nil || err2 != nil {
		return 1
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_ = os.Unsetenv(partEnv)
	c := exec.Command(args[2], args[3:]...)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	time.Sleep(time.Duration(delay) * time.Microsecond)
	_ = syscall.Kill(c.Process.Pid, syscall.Signal(sig))

	var l leftover
	for end := time.Now().Add(20 * time.Second); ; {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil)
		switch {
		case err == syscall.ECHILD:
			_ = json.NewEncoder(os.Stdout).Encode(l)
			return 0
		case pid == c.Process.Pid && ws.Signaled():
			l.Status = -int(ws.Signal())
		case pid == c.Process.Pid:
			l.Status = ws.ExitStatus()
		case pid == 0:
			if time.Now().After(end) {
				l.Processes = children()
				_ = json.NewEncoder(os.Stdout).Encode(l)
				return 0
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// children describes the children of this process, and ends them.
func children() []string {
	var all []string
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, pid := range strings.Fields(string(text)) {
			command, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			status, _ := os.ReadFile("/proc/" + pid + "/status")
			ns := ""
			for line := range strings.Lines(string(status)) {
				if strings.HasPrefix(line, "NSpid") || strings.HasPrefix(line, "State") {
					ns += strings.TrimSpace(line) + " "
				}
			}
			all = append(all, fmt.Sprintf("%s %q", ns, command))
			if n, err := strconv.Atoi(pid); err == nil {
				_ = syscall.Kill(n, syscall.SIGKILL)
			}
		}
	}
	return all
}

// trace is what a jail could leave on a host.
type trace struct{ mounts, entries, processes []string }

// ourCgroup matches the cgroups that libcontainer and we would make.
var ourCgroup = regexp.MustCompile(`jail|libcontainer|runc|/[0-9a-f]{12}$|/supervisor$`)

// takeTrace looks for what could be a jail's: all mounts of this host, what carries the caller's own folder in its name or arguments, and
// what is called like a part of ours in the temporary folders.
func (w *world) takeTrace() (tr trace) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		w.t.Fatal(err)
	}
	tr.mounts = lines(string(text))
	for _, dir := range []string{w.env["TMPDIR"], w.env["XDG_RUNTIME_DIR"], w.home} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range entries {
			tr.entries = append(tr.entries, filepath.Join(dir, e.Name()))
		}
	}
	for _, dir := range []string{"/tmp", "/var/tmp", "/run", "/dev/shm", "/run/user/" + itoa(os.Getuid())} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			name := e.Name()
			if strings.HasPrefix(name, ".jailed-claude-audit-") {
				continue // another test's, which looks after them itself
			}
			if strings.Contains(name, "jail") || strings.Contains(name, "runc") || strings.Contains(name, "libcontainer") || strings.Contains(name, "bundle") {
				tr.entries = append(tr.entries, filepath.Join(dir, name))
			}
		}
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(p string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() && ourCgroup.MatchString(p) {
			tr.entries = append(tr.entries, p)
		}
		return nil
	})
	pids, _ := filepath.Glob("/proc/[0-9]*")
	for _, pid := range pids {
		if pid == "/proc/"+itoa(os.Getpid()) {
			continue
		}
		for _, name := range []string{"cmdline", "environ"} {
			if text, err := os.ReadFile(filepath.Join(pid, name)); err == nil && strings.Contains(string(text), w.dir) {
				tr.processes = append(tr.processes, pid+" "+strings.ReplaceAll(string(text), "\x00", " "))
			}
		}
	}
	return tr
}

// sameTrace waits until nothing is there that was not there before.
func (w *world) sameTrace(before trace) {
	w.t.Helper()
	var extra []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		now := w.takeTrace()
		extra = nil
		for _, pair := range [][2][]string{{before.mounts, now.mounts}, {before.entries, now.entries}, {before.processes, now.processes}} {
			for _, x := range pair[1] {
				if !slices.Contains(pair[0], x) {
					extra = append(extra, x)
				}
			}
		}
		if len(extra) == 0 {
			return
		}
	}
	w.t.Errorf("left on the host:\n%s", strings.Join(extra, "\n"))
}

// reap starts a jail under the reaper.
func (w *world) reap(delay time.Duration, sig syscall.Signal, c *exec.Cmd) (l leftover) {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	r := exec.Command(self, append([]string{strconv.FormatInt(delay.Microseconds(), 10), strconv.Itoa(int(sig))}, c.Args...)...)
	r.Dir, r.Env = c.Dir, append(slices.Clone(c.Env), partEnv+"=reaper")
	out := finish(w.t, r)
	if err := json.Unmarshal([]byte(out.out), &l); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	if len(l.Processes) > 0 {
		w.t.Errorf("signal %d after %s left processes: %q; %s", sig, delay, l.Processes, out.err)
	}
	return l
}

// daemon is a script whose children leave the session, ignore signals and hold
// on to what they can.
const daemon = `(trap '' HUP TERM INT; setsid sleep 3600 </dev/null >/dev/null 2>&1 & nohup sleep 3600 & (sleep 3600 &) ) 2>/dev/null
	echo x >/tmp/x; echo x >~/x; trap '' TERM INT; while :; do sleep 1; done`

// killRounds is JAIL_TEST_KILLS, by default 60.
func killRounds() int {
	if n, err := strconv.Atoi(os.Getenv("JAIL_TEST_KILLS")); err == nil {
		return n
	}
	return 60
}

// TestKilledSupervisorLeavesNothing kills the supervisor at moments that are
// spread over a start and the time after it. Not parallel: it looks at the
// whole host.
func TestKilledSupervisorLeavesNothing(t *testing.T) {
	w := newWorld(t)
	// What is made once and stays: the private state, the seccomp cache.
	if r := w.bash("true"); r.status != 0 {
		t.Fatal(r)
	}
	status, before := w.status(), w.takeTrace()
	n := killRounds()
	var killed atomic.Int32
	inParallel(n, func(i int) {
		// The first half of them within the start itself.
		delay := time.Duration(i) * 160 * time.Millisecond / time.Duration(n)
		if i%4 == 0 {
			delay += 150 * time.Millisecond
		}
		if w.reap(delay, syscall.SIGKILL, w.bashCommand(daemon)).Status == -int(syscall.SIGKILL) {
			killed.Add(1)
		}
	})
	if killed.Load() == 0 {
		t.Error("no supervisor was killed: the test shows nothing")
	}
	w.sameTrace(before)
	if after := w.status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
}

// TestSignalDuringTheStartLeavesNothing: SIGTERM, and SIGINT as a ctrl-c sends
// it, end the jail or are taken up by it, at any moment.
func TestSignalDuringTheStartLeavesNothing(t *testing.T) {
	w := newWorld(t)
	if r := w.bash("true"); r.status != 0 {
		t.Fatal(r)
	}
	status, before := w.status(), w.takeTrace()
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}
	n := killRounds() / 2
	inParallel(n, func(i int) {
		sig := signals[i%3]
		l := w.reap(time.Duration(i)*120*time.Millisecond/time.Duration(n), sig, w.bashCommand("exec sleep 1"))
		switch l.Status {
		case -int(sig), 128 + int(sig), 0:
		default:
			t.Errorf("signal %d: exit status %d", sig, l.Status)
		}
	})
	w.sameTrace(before)
	if after := w.status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
}

// TestEndedJailLeavesNothing is the same for jails that end by themselves, also
// with a failure, and with children that do not want to.
func TestEndedJailLeavesNothing(t *testing.T) {
	w := newWorld(t)
	if r := w.bash("true"); r.status != 0 {
		t.Fatal(r)
	}
	status, before := w.status(), w.takeTrace()
	for _, script := range []string{"true", "exit 3", "kill -9 $$", "(setsid sleep 3600 &) ; nohup sleep 3600 >/dev/null 2>&1 & exit 2"} {
		w.reap(0, 0, w.bashCommand(script))
	}
	w.run("shell", "--closure", requireVariable(t, "BASE_CLOSURE"), "--", "nosuch")
	w.run("run", "foo")
	w.run("shell", "--read", "/nosuch", "--closure", requireVariable(t, "BASE_CLOSURE"), "--", "true")
	w.run("shell", "--closure", requireVariable(t, "BASE_CLOSURE"), "--net", "host", "--require", "net", "--", "true")
	w.sameTrace(before)
	if after := w.status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
}
