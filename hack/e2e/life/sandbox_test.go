package life

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// runsc is gVisor's, where JAIL_TEST_RUNSC names it (no distribution has one that is
// new enough), and otherwise a program that takes its arguments and has runc do it.
func runsc(t *testing.T, w *world.World) (path string, real bool) {
	t.Helper()
	if p := os.Getenv("JAIL_TEST_RUNSC"); p != "" {
		return p, true
	}
	p := w.Write(filepath.Join(w.Dir, "bin", "runsc"), `#!/bin/sh
while :; do case $1 in
	--root) root=$2; shift 2 ;;
	--rootless | --ignore-cgroups | --oci-seccomp | --overlay2=none | --directfs=false | --network=*) shift ;;
	-*) echo "flag provided but not defined: $1" >&2; exit 128 ;;
	*) break ;;
esac; done
exec `+world.RequireTool(t, "runc")+` --root "$root" --rootless=true "$@"
`)
	if err := os.Chmod(p, 0o755); err != nil {
		t.Fatal(err)
	}
	return p, false
}

// TestSandbox: under a runtime with a kernel of its own the jail has what it has
// elsewhere: its ids, the project with what is protected in it, streams, status, and
// the report at the end.
func TestSandbox(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	by, _ := runsc(t, w)
	out := w.Write(filepath.Join(w.Dir, "out"), "before\n")
	f, err := os.OpenFile(out, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(0, 2); err != nil {
		t.Fatal(err)
	}
	c := w.Base(`id -u; pwd; echo x >new; echo evil >>.git/config; mv .git/config .git/x; mv .git/hooks .git/y; rm -rf .git/hooks
while read -r l; do case $l in CapBnd*|NoNew*|Seccomp:*) echo "$l";; esac; done </proc/self/status
echo evil >.envrc; read -r l; echo "got $l"; exit 7`, "--net", "none", "--runtime", by)
	c.Stdin, c.Stdout = strings.NewReader("typed\n"), f
	config := w.Read(w.Project + "/.git/config")
	r := world.Finish(t, c)
	want := "before\n" + world.Itoa(os.Getuid()) + "\n" + w.Project + "\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\ngot typed\n"
	if got := w.Read(out); r.Status != 7 || got != want {
		t.Errorf("%s: %q, want %q", r, got, want)
	}
	if w.Read(w.Project+"/new") != "x\n" || w.Read(w.Project+"/.git/config") != config {
		t.Error("the project is not written, or what is protected in it is")
	}
	if _, err := os.Stat(w.Project + "/.git/hooks"); err != nil {
		t.Error(err)
	}
	if !strings.Contains(r.Err, `.envrc": direnv`) {
		t.Errorf("no report: %s", r)
	}
}

// TestSandboxNetwork: the wall stands around the sandbox.
func TestSandboxNetwork(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	by, _ := runsc(t, w)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("hello\n"))
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	const ask = `for d in host 127.0.0.1 localhost; do l=; { exec 3<>/dev/tcp/$d/PORT && read -r -t 5 l <&3; } 2>/dev/null; echo "$d:$l"; done`
	for mode, want := range map[string]string{"none": "host:\n127.0.0.1:\nlocalhost:\n", "filtered": "host:hello\n127.0.0.1:\nlocalhost:\n", "internet": "host:\n127.0.0.1:\nlocalhost:\n"} {
		flags := []string{"--net", mode, "--runtime", by}
		if mode == "filtered" {
			flags = append(flags, "--allow", "host:"+port)
		}
		if r := world.Finish(t, w.Base(strings.ReplaceAll(ask, "PORT", port), flags...)); r.Out != want || r.Status != 0 {
			t.Errorf("%s: %s", mode, r)
		}
	}
}

// TestSandboxRefuses: what nobody can hold or see there is refused by name, and a
// runtime that does not work says so.
func TestSandboxRefuses(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	by, _ := runsc(t, w)
	for what, flags := range map[string][]string{
		"--require seccomp": {"--require", "seccomp"}, "--require landlock": {"--require", "net,landlock"}, "[bridges]": {"--bridge", "open"},
	} {
		r := world.Finish(t, w.Base("echo ran", append(flags, "--net", "none", "--runtime", by)...))
		if r.Status != 125 || !strings.Contains(r.Err, what+": not under gVisor") || r.Out != "" {
			t.Errorf("%s: %s", what, r)
		}
	}
	if r := world.Finish(t, w.Base("true", "--net", "none", "--runtime", by, "--require", "net")); r.Status != 0 {
		t.Error(r)
	}
	broken := w.Write(filepath.Join(w.Dir, "broken", "runsc"), "#!/bin/sh\necho 'cannot do that here' >&2\nexit 128\n")
	if err := os.Chmod(broken, 0o755); err != nil {
		t.Fatal(err)
	}
	if r := world.Finish(t, w.Base("true", "--net", "none", "--runtime", broken)); r.Status != 128 || !strings.Contains(r.Err, "cannot do that here") || !strings.Contains(r.Err, "cannot run a jail") {
		t.Error(r)
	}
}

// TestSandboxEnds: signals come to the agent, and whatever ends the supervisor ends
// the sandbox; nothing is left. Not parallel: it looks at the whole host.
func TestSandboxEnds(t *testing.T) {
	w := world.New(t)
	by, real := runsc(t, w)
	if r := w.Bash("true", "--net", "none", "--runtime", by); r.Status != 0 {
		t.Fatal(r)
	}
	before, signals := w.TakeTrace(), []syscall.Signal{syscall.SIGTERM}
	if real { // gVisor ends with its parent, and runc does not
		signals = append(signals, syscall.SIGKILL)
	}
	for _, sig := range signals {
		c := w.Base(`trap 'echo ended; exit 3' TERM; echo up >up; while :; do sleep 0.1; done`, "--net", "none", "--runtime", by)
		var out strings.Builder
		c.Stdout = &out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		world.WaitFor(t, "the jail", func() bool { _, err := os.Stat(w.Project + "/up"); return err == nil })
		var listed string
		world.WaitFor(t, "it to be listed", func() bool { listed = w.Run("list").Out; return strings.Contains(listed, w.Project) })
		lines := strings.Split(listed, "\n") // others run beside it
		f := strings.Fields(lines[slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, w.Project) })])
		if sig == syscall.SIGTERM {
			if r := w.Run("exec", f[0], "--", "true"); r.Status != 125 || !strings.Contains(r.Err, "exec: not under gVisor") {
				t.Error(r)
			}
		}
		if err := c.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		err := c.Wait()
		exit, _ := errors.AsType[*exec.ExitError](err)
		if sig == syscall.SIGTERM && (exit == nil || exit.ExitCode() != 3 || out.String() != "ended\n") {
			t.Errorf("%v: %q", err, out.String())
		}
		if err := os.Remove(w.Project + "/up"); err != nil {
			t.Error(err)
		}
	}
	w.SameTrace(before)
}

// TestSandboxHangs: a runtime that does nothing at all ends with the job.
func TestSandboxHangs(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	p := w.Write(filepath.Join(w.Dir, "bin", "runsc"), "#!/bin/sh\ntouch "+w.Dir+"/up\nexec sleep 1000\n")
	if err := os.Chmod(p, 0o755); err != nil {
		t.Fatal(err)
	}
	c := w.Base("true", "--net", "none", "--runtime", p)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	world.WaitFor(t, "the runtime", func() bool { _, err := os.Stat(w.Dir + "/up"); return err == nil })
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 128+int(syscall.SIGKILL) {
		t.Error(err)
	}
}

// TestSandboxTerminal: gVisor gets a terminal that the supervisor filters.
func TestSandboxTerminal(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	by, real := runsc(t, w)
	if !real {
		t.Log("runc takes no socket for a terminal where it stays: only gVisor itself shows this (JAIL_TEST_RUNSC)")
		return
	}
	p := world.NewPTY(t)
	c := w.Base(`[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo terminal; printf 'a\033]52;c;eA==\ab\n'; read -r l; echo "got $l"; exit 5`, "--net", "none", "--runtime", by)
	c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
	p.Attach(c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	world.WaitFor(t, "the output", func() bool { return strings.Contains(p.Shown(), "ab\r\n") })
	if _, err := p.Master.WriteString("typed\r"); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	world.WaitFor(t, "the end of the output", func() bool { return strings.Contains(p.Shown(), "got typed") })
	if shown := p.Shown(); c.ProcessState.ExitCode() != 5 || !strings.Contains(shown, "terminal\r\n") || !strings.Contains(shown, "runtime=\"/") {
		t.Errorf("status %d: %q", c.ProcessState.ExitCode(), shown)
	}
}
