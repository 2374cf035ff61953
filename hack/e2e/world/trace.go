package world

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
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Leftover is what a killed jail left behind.
type Leftover struct {
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
	_ = os.Unsetenv(PartEnv)
	c := exec.Command(args[2], args[3:]...)
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	time.Sleep(time.Duration(delay) * time.Microsecond)
	_ = syscall.Kill(c.Process.Pid, syscall.Signal(sig))

	var l Leftover
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
		for pid := range strings.FieldsSeq(string(text)) {
			command, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			status, _ := os.ReadFile("/proc/" + pid + "/status")
			var ns strings.Builder
			for line := range strings.Lines(string(status)) {
				if strings.HasPrefix(line, "NSpid") || strings.HasPrefix(line, "State") {
					ns.WriteString(strings.TrimSpace(line) + " ")
				}
			}
			all = append(all, fmt.Sprintf("%s %q", ns.String(), command))
			if n, err := strconv.Atoi(pid); err == nil {
				_ = syscall.Kill(n, syscall.SIGKILL)
			}
		}
	}
	return all
}

// Trace is what a jail could leave on a host.
type Trace struct{ mounts, entries, processes []string }

// ourCgroup matches the cgroups that libcontainer and we would make.
var ourCgroup = regexp.MustCompile(`jail|libcontainer|runc|/[0-9a-f]{12}$|/supervisor$`)

// TakeTrace looks for what could be a jail's: all mounts of this host, what carries the caller's own folder in its name or arguments, and
// what is called like a part of ours in the temporary folders.
func (w *World) TakeTrace() (tr Trace) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		w.T.Fatal(err)
	}
	tr.mounts = Lines(string(text))
	for _, dir := range []string{w.Env["TMPDIR"], w.Env["XDG_RUNTIME_DIR"], w.Home} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			w.T.Fatal(err)
		}
		for _, e := range entries {
			tr.entries = append(tr.entries, filepath.Join(dir, e.Name()))
		}
	}
	for _, dir := range []string{"/tmp", "/var/tmp", "/run", "/dev/shm", "/run/user/" + Itoa(os.Getuid())} {
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
		if pid == "/proc/"+Itoa(os.Getpid()) {
			continue
		}
		for _, name := range []string{"cmdline", "environ"} {
			if text, err := os.ReadFile(filepath.Join(pid, name)); err == nil && strings.Contains(string(text), w.Dir) {
				tr.processes = append(tr.processes, pid+" "+strings.ReplaceAll(string(text), "\x00", " "))
			}
		}
	}
	return tr
}

// SameTrace waits until nothing is left of what was not there before. What came
// later is not left by the jail before: others start jails on this host too.
func (w *World) SameTrace(before Trace) {
	w.T.Helper()
	var left []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		now := w.TakeTrace()
		var extra []string
		for _, pair := range [][2][]string{{before.mounts, now.mounts}, {before.entries, now.entries}, {before.processes, now.processes}} {
			for _, x := range pair[1] {
				if !slices.Contains(pair[0], x) {
					extra = append(extra, x)
				}
			}
		}
		if left == nil {
			left = extra
		}
		left = slices.DeleteFunc(left, func(x string) bool { return !slices.Contains(extra, x) })
		if len(left) == 0 {
			return
		}
	}
	w.T.Errorf("left on the host:\n%s", strings.Join(left, "\n"))
}

// Reap starts a jail under the reaper.
func (w *World) Reap(delay time.Duration, sig syscall.Signal, c *exec.Cmd) (l Leftover) {
	w.T.Helper()
	self, err := os.Executable()
	if err != nil {
		w.T.Fatal(err)
	}
	r := exec.Command(self, append([]string{strconv.FormatInt(delay.Microseconds(), 10), strconv.Itoa(int(sig))}, c.Args...)...)
	r.Dir, r.Env = c.Dir, append(slices.Clone(c.Env), PartEnv+"=reaper")
	out := Finish(w.T, r)
	if err := json.Unmarshal([]byte(out.Out), &l); err != nil {
		w.T.Fatalf("%v: %s", err, out)
	}
	if len(l.Processes) > 0 {
		w.T.Errorf("signal %d after %s left processes: %q; %s", sig, delay, l.Processes, out.Err)
	}
	return l
}

// Daemon is a script whose children leave the session, ignore signals and hold
// on to what they can.
const Daemon = `(trap '' HUP TERM INT; setsid sleep 3600 </dev/null >/dev/null 2>&1 & nohup sleep 3600 & (sleep 3600 &) ) 2>/dev/null
	echo x >/tmp/x; echo x >~/x; trap '' TERM INT; while :; do sleep 1; done`

// KillRounds is JAIL_TEST_KILLS, by default 60.
func KillRounds() int {
	if n, err := strconv.Atoi(os.Getenv("JAIL_TEST_KILLS")); err == nil {
		return n
	}
	return 60
}
