package life

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// foreign are the runtimes that "run --runtime" is tried with.
var foreign = []string{"runc", "crun"}

// withEach runs a test with each of them, beside the others.
func withEach(t *testing.T, try func(t *testing.T, w *world.World, name string)) {
	t.Helper()
	t.Parallel()
	for _, name := range foreign {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world.RequireTool(t, name)
			try(t, world.New(t), name)
		})
	}
}

// TestRuntime: a jail whose container runc or crun creates says of itself what one
// of our own says, passes everything on, and reports at its end.
func TestRuntime(t *testing.T) {
	t.Parallel()
	const script = `id; pwd; echo "$HOME" "$PATH"; for d in / /dev /nix/store; do echo $d/*; done; while read -r l; do
	case $l in Cap*|NoNew*|Seccomp*|Groups*) echo "$l";; esac; done </proc/self/status; cat >&2; echo x >.envrc; exit 7`
	for _, name := range foreign {
		for _, flags := range [][]string{{"--net", "none"}, {"--net", "filtered"}, {"--net", "host"}, {"--net", "none", "--user", "root"}} {
			t.Run(name+strings.Join(flags[1:], ""), func(t *testing.T) {
				t.Parallel()
				world.RequireTool(t, name)
				w := world.New(t)
				try := func(runtime string) world.Result {
					c := w.Base(script, append(flags, "--runtime", runtime)...)
					c.Stdin = strings.NewReader("typed\n")
					r := world.Finish(t, c)
					if err := os.Remove(filepath.Join(w.Project, ".envrc")); err != nil {
						t.Errorf("%s: %v", runtime, err)
					}
					return r
				}
				own, other := try("own"), try(name)
				if own.Status != 7 || other.Status != own.Status || other.Out != own.Out || other.Err != own.Err {
					t.Errorf("%s\nour own: %s", other, own)
				}
				if !strings.Contains(other.Err, "typed\n") || !strings.Contains(other.Err, `.envrc": direnv`) {
					t.Errorf("no input, or no report: %s", other)
				}
			})
		}
	}
}

// TestRuntimeTerminal: the jail has a terminal of its own, and nothing of the
// caller's; sequences are filtered.
func TestRuntimeTerminal(t *testing.T) {
	withEach(t, func(t *testing.T, w *world.World, name string) {
		p := world.NewPTY(t)
		c := w.Base(`tty; for f in /proc/self/fd/[012]; do readlink $f; done; printf 'a\033]52;c;eA==\ab\n'; read -r l; echo "got $l"; exit 5`, "--net", "none", "--runtime", name)
		c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
		p.Attach(c)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Master.WriteString("typed\r"); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		world.WaitFor(t, "the end of the output", func() bool { return strings.Contains(p.Shown(), "got typed") })
		shown := p.Shown()
		if c.ProcessState.ExitCode() != 5 || strings.Count(shown, "/dev/pts/0") != 4 || !strings.Contains(shown, "ab\r\n") || !strings.Contains(shown, "runtime=\"/") {
			t.Errorf("status %d: %q", c.ProcessState.ExitCode(), shown)
		}
	})
}

// TestRuntimeExec: commands find and enter such a jail.
func TestRuntimeExec(t *testing.T) {
	withEach(t, func(t *testing.T, w *world.World, name string) {
		c := w.Base("exec sleep 1000", "--net", "none", "--runtime", name)
		c.Args = append([]string{c.Args[0], "shell", "--detach"}, c.Args[2:]...)
		r := world.Finish(t, c)
		id := strings.TrimSpace(r.Out)
		if r.Status != 0 {
			t.Fatal(r)
		}
		if r := w.Run("exec", id, "--", "bash", "-c", "echo $$ in $PWD; exit 3"); r.Status != 3 || !strings.HasSuffix(r.Out, " in "+w.Project+"\n") {
			t.Error(r)
		}
		if r := w.Run("stop", "--grace", "0s", id); r.Status != 0 {
			t.Error(r)
		}
	})
}

// TestRuntimeKilled: whenever the supervisor is killed, no process, no mount and no
// file stays. Not parallel: it looks at the whole host.
func TestRuntimeKilled(t *testing.T) {
	for _, name := range foreign {
		t.Run(name, func(t *testing.T) {
			world.RequireTool(t, name)
			w := world.New(t)
			if r := w.Bash("true", "--runtime", name); r.Status != 0 {
				t.Fatal(r)
			}
			status, before := w.Status(), w.TakeTrace()
			n := world.KillRounds() / 2
			var killed atomic.Int32
			world.InParallel(n, func(i int) {
				delay := time.Duration(i) * 400 * time.Millisecond / time.Duration(n)
				if w.Reap(delay, syscall.SIGKILL, w.BashCommand(world.Daemon, "--runtime", name)).Status == -int(syscall.SIGKILL) {
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
		})
	}
}

// TestRuntimeIsGone: of the runtime no process is left beside the jail, no dead one
// either.
func TestRuntimeIsGone(t *testing.T) {
	withEach(t, func(t *testing.T, w *world.World, name string) {
		c := w.Base("echo up; read -r l", "--net", "none", "--runtime", name)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if text, err := bufio.NewReader(out).ReadString('\n'); err != nil || text != "up\n" {
			t.Fatalf("%q: %v", text, err)
		}
		// The process that planned ends by itself.
		world.WaitFor(t, "PID 1 to be the only child of the supervisor", func() bool {
			threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", c.Process.Pid))
			var all []string
			for _, file := range threads {
				text, _ := os.ReadFile(file)
				all = append(all, strings.Fields(string(text))...)
			}
			if len(all) != 1 {
				return false
			}
			stat, err := os.ReadFile("/proc/" + all[0] + "/stat")
			return err == nil && strings.Contains(string(stat), "(init) ") && !strings.Contains(string(stat), ") Z ")
		})
		_ = in.Close()
		if err := c.Wait(); err == nil {
			t.Error("read at the end of the input succeeded")
		}
	})
}

// TestRuntimeIsReadOnly: what a runtime starts cannot change the program that it was,
// which crun is told, and then makes no copy of itself to have that.
func TestRuntimeIsReadOnly(t *testing.T) {
	withEach(t, func(t *testing.T, w *world.World, name string) {
		p := w.Write(filepath.Join(w.Dir, "bin", name), `#!/bin/sh
[ "$_LIBCONTAINER_CLONED_BINARY" = 1 ] || exit 1
if (echo exit 1 >>"$0") 2>/dev/null; then exit 1; fi
exec `+world.RequireTool(t, name)+` "$@"
`)
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
		if r := world.Finish(t, w.Base("echo up", "--net", "none", "--runtime", p)); r.Status != 0 || r.Out != "up\n" {
			t.Error(r)
		}
	})
}

// leavesOut is a runtime that says it did all, and has changed the configuration
// before.
func leavesOut(w *world.World, name, change string) string {
	w.T.Helper()
	p := w.Write(filepath.Join(w.Dir, "bin", name), `#!/bin/sh
for a in "$@"; do [ "$last" = --bundle ] && b=$a; last=$a; done
`+world.RequireTool(w.T, "perl")+` -0pi -e '`+change+`; s/,(\s*[\]}])/$1/g' "$b/config.json" || exit 1
exec `+world.RequireTool(w.T, name)+` "$@"
`)
	if err := os.Chmod(p, 0o755); err != nil {
		w.T.Fatal(err)
	}
	return p
}

// TestRuntimeThatLeavesSomethingOut: what a runtime does not do, the kernel says, and
// no agent starts.
func TestRuntimeThatLeavesSomethingOut(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]string{
		"pid": `s/\{\s*"type": "pid"\s*\},?//`, "ipc": `s/\{\s*"type": "ipc"\s*\},?//`, "uts": `s/\{\s*"type": "uts"\s*\},?//; s/"hostname": "[^"]*",?//`,
		"cgroup": `s/\{\s*"type": "cgroup"\s*\},?//`, "network": `s/\{\s*"type": "network"[^}]*\},?//`,
		"masked": `s/"maskedPaths": \[[^\]]*\],?//`, "read-only": `s/"readonlyPaths": \[[^\]]*\],?//`, "root": `s/"readonly": true//`,
		"nothing": "1",
	} {
		for _, name := range foreign {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				w := world.New(t)
				r := world.Finish(t, w.Base("echo started", "--net", "none", "--runtime", leavesOut(w, name, change)))
				switch {
				case what == "nothing" && (r.Status != 0 || r.Out != "started\n"):
					t.Errorf("the test's own runtime does not work: %s", r)
				case what != "nothing" && (r.Status != 125 || r.Out != ""):
					t.Error(r)
				case what != "nothing" && !strings.Contains(r.Err, "jailed-claude: "):
					t.Errorf("nothing is said: %s", r)
				}
			})
		}
	}
}

// TestRuntimeThatIsNone: what cannot be used is said by name, and nothing runs.
func TestRuntimeThatIsNone(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	script := func(name, text string) string {
		p := w.Write(name, "#!/bin/sh\n"+text+"\n")
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
		return p
	}
	broken := filepath.Join(w.Dir, "bin")
	for name, want := range map[string]string{
		"no-such-runtime": "--runtime no-such-runtime: there is no such program on PATH", w.Dir: "--runtime " + w.Dir + ": it is no program",
		script("runc", "touch /tmp/x"):                                                       "it is in a folder that jails may change",
		script(broken+"/refuses", "echo not in this mode >&2; exit 3"):                       "refuses made no container: exit status 3",
		script(broken+"/says-nothing", "exit 0"):                                             "says that it made a container, and not which",
		script(broken+"/lies", `while [ "$1" != --pid-file ]; do shift; done; echo 1 >"$2"`): "says that it made the process",
	} {
		r := world.Finish(t, w.Base("echo started", "--net", "none", "--runtime", name))
		if r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, want) {
			t.Errorf("%s: %s", name, r)
		}
	}
	if r := world.Finish(t, w.Base("true", "--net", "none", "--runtime", broken+"/refuses")); !strings.Contains(r.Err, "not in this mode") {
		t.Errorf("what the runtime says is not shown: %s", r)
	}
}

// TestRuntimeKeepsItsPromises: --require holds under another runtime, whose jail says
// what there is.
func TestRuntimeKeepsItsPromises(t *testing.T) {
	t.Parallel()
	for _, name := range foreign {
		world.RequireTool(t, name)
		w := world.New(t)
		if r := world.Finish(t, w.Base("echo started", "--net", "none", "--runtime", name, "--require", "seccomp,userns,caps,net")); r.Status != 0 || r.Out != "started\n" {
			t.Error(r)
		}
	}
}
