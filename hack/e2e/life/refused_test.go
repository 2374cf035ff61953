package life

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

const userNamespaces = "/proc/sys/user/max_user_namespaces"

// onlyForARuntime is the part "only-runtime": a host on which no program makes a user
// namespace but one runtime, as AppArmor of a distribution has it. It runs its
// arguments there, all but the first three.
//
// Arguments: the place of the runtime, what is to be there, the pipe by which that one
// asks for its right.
//
// Preconditions: in new user and mount namespaces, with CAP_SYS_ADMIN and
// CAP_SYS_RESOURCE ambient.
func onlyForARuntime(args []string) int {
	runtime.LockOSThread()
	_ = os.Unsetenv(world.PartEnv)
	place, instead := args[0], args[1]
	err := unix.Mount(instead, place, "", unix.MS_BIND, "")
	if err == nil {
		// Nobody can change what the distribution has.
		err = unix.Mount("", place, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
	}
	if err == nil {
		err = os.WriteFile(userNamespaces, []byte("0"), 0)
	}
	var pipe *os.File
	if err == nil {
		pipe, err = os.OpenFile(args[2], os.O_RDWR, 0)
	}
	if err == nil {
		err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		for _, err := pipe.Read(make([]byte, 1)); err == nil; _, err = pipe.Read(make([]byte, 1)) {
			_ = os.WriteFile(userNamespaces, []byte("1000"), 0)
		}
	}()
	c := exec.Command(args[3], args[4:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	_ = c.Run()
	return c.ProcessState.ExitCode()
}

// refusing has a command run on such a host.
func refusing(w *world.World, c *exec.Cmd) *exec.Cmd {
	w.T.Helper()
	if os.Getuid() == 0 {
		w.T.Skip("root could change every runtime, so none is asked")
	}
	place, err := filepath.EvalSymlinks(world.RequireTool(w.T, "runc"))
	if err != nil {
		w.T.Fatal(err)
	}
	if !strings.HasPrefix(place, "/usr/") {
		world.Cannot(w.T, "%s is not the distribution's", place)
	}
	// What is bound over it would be called instead.
	program, err := os.ReadFile(place)
	if err != nil {
		w.T.Fatal(err)
	}
	real, pipe := filepath.Join(w.Dir, "real"), filepath.Join(w.Dir, "pipe")
	// One that was killed may still execute it.
	if _, err := os.Stat(real); err != nil {
		if err := os.WriteFile(real, program, 0o755); err != nil {
			w.T.Fatal(err)
		}
	}
	if err := unix.Mkfifo(pipe, 0o600); err != nil && !os.IsExist(err) {
		w.T.Fatal(err)
	}
	asks := w.Write(filepath.Join(w.Dir, "asks"), fmt.Sprintf("#!/bin/sh\nwhile [ \"$(cat %s)\" = 0 ]; do echo >%s; sleep 0.01; done\nexec %s \"$@\"\n", userNamespaces, pipe, real))
	if err := os.Chmod(asks, 0o755); err != nil {
		w.T.Fatal(err)
	}
	on := w.Privileged("only-runtime", unix.CAP_SYS_ADMIN, unix.CLONE_NEWNS, append([]string{place, asks, pipe}, c.Args...))
	on.SysProcAttr.AmbientCaps = append(on.SysProcAttr.AmbientCaps, unix.CAP_SYS_RESOURCE)
	on.Stdin, on.Stdout, on.Stderr, on.ExtraFiles = c.Stdin, c.Stdout, c.Stderr, c.ExtraFiles
	if a := c.SysProcAttr; a != nil {
		on.SysProcAttr.Setsid, on.SysProcAttr.Setctty, on.SysProcAttr.Ctty = a.Setsid, a.Setctty, a.Ctty
	}
	return on
}

const makesNone = "jailed-claude: this host makes no user namespace for this program"

// TestRefused: where this host makes no user namespace for the program, and makes one
// for a runtime of the distribution, the jail is the same one, and it is said.
func TestRefused(t *testing.T) {
	t.Parallel()
	const script = `id; pwd; echo "$HOME" "$PATH"; for d in / /dev /nix/store; do echo $d/*; done; while read -r l; do
	case $l in Cap*|NoNew*|Seccomp*|Groups*) echo "$l";; esac; done </proc/self/status; cat >&2; echo x >.envrc; exit 7`
	for _, flags := range [][]string{{"--net", "none"}, {"--net", "filtered"}, {"--net", "host"}, {"--net", "none", "--user", "root"}, {"--net", "none", "--require", "seccomp,userns,caps,net"}} {
		t.Run(strings.Join(flags[1:], ""), func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			try := func(on func(*world.World, *exec.Cmd) *exec.Cmd) world.Result {
				c := w.Base(script, flags...)
				c.Stdin = strings.NewReader("typed\n")
				r := world.Finish(t, on(w, c))
				if err := os.Remove(filepath.Join(w.Project, ".envrc")); err != nil {
					t.Error(err)
				}
				return r
			}
			here, there := try(func(_ *world.World, c *exec.Cmd) *exec.Cmd { return c }), try(refusing)
			said, rest, _ := strings.Cut(there.Err, "\n")
			if !strings.HasPrefix(said, makesNone) || !strings.HasSuffix(said, "that of this jail is /usr/sbin/runc's") {
				t.Errorf("it is not said: %s", there)
			}
			if there.Status != 7 || there.Out != here.Out || rest != here.Err || !strings.Contains(rest, `.envrc": direnv`) {
				t.Errorf("%s\nelsewhere: %s", there, here)
			}
		})
	}
}

// TestRefusedIsToldWhy: without a runtime that gets one, and with --runtime own, what
// is missing is said and nothing runs.
func TestRefusedIsToldWhy(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	c := refusing(w, w.Base("echo started", "--runtime", "own"))
	if r := world.Finish(t, c); r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, "user.max_user_namespaces is 0") || strings.Contains(r.Err, makesNone) {
		t.Error(r)
	}
	// A runtime that gets none either.
	c = refusing(w, w.Base("echo started"))
	w.Write(filepath.Join(w.Dir, "asks"), "#!/bin/sh\necho 'not for you' >&2; exit 3\n")
	if r := world.Finish(t, c); r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, "/usr/sbin/runc: exit status 3: not for you") || !strings.Contains(r.Err, "user.max_user_namespaces is 0") {
		t.Error(r)
	}
}

// TestRefusedTerminal: the jail is on the caller's terminal, whose signals it gets.
func TestRefusedTerminal(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	p := world.NewPTY(t)
	c := w.Base(`tty; read -r l; echo "got $l"; exit 5`)
	c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
	p.Attach(c)
	c = refusing(w, c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Master.WriteString("typed\r"); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	world.WaitFor(t, "the end of the output", func() bool { return strings.Contains(p.Shown(), "got typed") })
	if shown := p.Shown(); c.ProcessState.ExitCode() != 5 || !strings.Contains(shown, "/dev/pts/0") || !strings.Contains(shown, makesNone) {
		t.Errorf("status %d: %q", c.ProcessState.ExitCode(), shown)
	}
}

// TestRefusedExec: commands find and enter such a jail, which is there once.
func TestRefusedExec(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	c := w.Base("exec sleep 1000")
	c.Args = append([]string{c.Args[0], "shell", "--detach"}, c.Args[2:]...)
	var said strings.Builder
	c.Stdout = &said
	c = refusing(w, c)
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(said.String())
	defer w.Run("stop", "--grace", "0s", id)
	if r := w.Run("list"); strings.Count(r.Out, id) != 1 {
		t.Error(r)
	}
	if r := w.Run("exec", id, "--", "bash", "-c", "echo $$ in $PWD; exit 3"); r.Status != 3 || !strings.HasSuffix(r.Out, " in "+w.Project+"\n") {
		t.Error(r)
	}
	if r := w.Run("stop", "--grace", "0s", id); r.Status != 0 {
		t.Error(r)
	}
}

// TestRefusedKilled: whenever the caller's process is killed, nothing of the jail, its
// supervisor and the runtime stays, but a folder that the next start removes (TestSweep)
// where the runtime was about to begin. Not parallel: it looks at the whole host.
func TestRefusedKilled(t *testing.T) {
	w := world.New(t)
	up := filepath.Join(w.Project, "up")
	try := func(until func()) {
		// The host ends with it, and takes the process that it started along.
		c := refusing(w, w.Base("echo >up; "+world.Daemon))
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		until()
		if err := c.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = c.Wait()
		_ = os.Remove(up)
	}
	if r := world.Finish(t, refusing(w, w.Base("true"))); r.Status != 0 {
		t.Fatal(r)
	}
	before := w.TakeTrace()
	for i := range world.KillRounds() / 5 {
		try(func() { time.Sleep(time.Duration(i) * 20 * time.Millisecond) })
	}
	try(func() {
		world.WaitFor(t, "the jail", func() bool { _, err := os.Stat(up); return err == nil })
	})
	folders, _ := filepath.Glob(filepath.Join(w.Env["XDG_RUNTIME_DIR"], "jailed-claude-container-*"))
	for _, dir := range folders {
		_ = os.RemoveAll(dir)
	}
	w.SameTrace(before)
}
