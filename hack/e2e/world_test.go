package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// deadline is for what must end by itself. Far more than it takes: a machine
// under load is no failure.
const deadline = 90 * time.Second

// planted is what no jail may ever show.
const planted = "PLANTED-SECRET-5f2c"

// world is a caller: a home with a secret in it, a project that is a git
// repository, and an environment.
type world struct {
	t *testing.T
	// dir holds all of it; home and project are below.
	dir, home, project string
	env                map[string]string
	// lab is where its commands run; nil for this machine.
	lab *lab
	// bin is jailed-claude, if it is not JAIL_TEST_BIN.
	bin string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	requireUserNS(t)
	requireVariable(t, "BIN")
	requireTool(t, "git")
	// Not below /tmp, where a jail has a folder of its own, and short, for
	// sockets lie in it.
	base := os.TempDir()
	if base == "/tmp" || strings.HasPrefix(base, "/tmp/") {
		base = "/var/tmp"
	}
	dir, err := os.MkdirTemp(base, "w")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("the world cannot be removed: %v", err)
		}
	})
	w := &world{t: t, dir: dir, home: filepath.Join(dir, "home")}
	w.project = filepath.Join(w.home, "project")
	for _, d := range []string{"home", "run", "tmp"} {
		w.mkdir(filepath.Join(dir, d), 0o700)
	}
	w.env = map[string]string{
		"HOME": w.home, "USER": "caller", "PATH": os.Getenv("PATH"), "LANG": "C.UTF-8", "TERM": "xterm-256color",
		"XDG_RUNTIME_DIR": filepath.Join(dir, "run"), "TMPDIR": filepath.Join(dir, "tmp"),
		"GIT_CONFIG_NOSYSTEM": "1",
	}
	w.write(filepath.Join(w.home, ".ssh/id_rsa"), planted)
	w.write(filepath.Join(w.home, ".gitconfig"), "[user]\n\tname = Ada Caller\n\temail = ada@example.org\n[protocol \"file\"]\n\tallow = always\n[safe]\n\tdirectory = *\n")
	w.repository(w.project)
	return w
}

// repository makes a git repository with one commit.
func (w *world) repository(dir string) {
	w.t.Helper()
	w.write(filepath.Join(dir, "README"), "a project\n")
	w.git(dir, "init", "--quiet", "--initial-branch=main")
	w.git(dir, "add", ".")
	w.git(dir, "commit", "--quiet", "-m", "first")
}

func (w *world) mkdir(dir string, mode os.FileMode) {
	w.t.Helper()
	if err := os.MkdirAll(dir, mode); err != nil {
		w.t.Fatal(err)
	}
}

// write makes a file, its folders included. A name that is not absolute is in
// the project.
func (w *world) write(name, content string) string {
	w.t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(w.project, name)
	}
	w.mkdir(filepath.Dir(name), 0o755)
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return name
}

func (w *world) read(name string) string {
	w.t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(w.project, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// commitAll makes the project's working tree clean.
func (w *world) commitAll() {
	w.t.Helper()
	w.git(w.project, "add", "--force", ".")
	w.git(w.project, "commit", "--quiet", "-m", "more")
}

// git runs the host's git.
func (w *world) git(dir string, args ...string) string {
	w.t.Helper()
	c := exec.Command("git", args...)
	c.Dir, c.Env = dir, w.environ()
	out, err := c.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// status is what git says of the project, ignored files included, with the
// names in its folders that git does not look at.
func (w *world) status() string {
	w.t.Helper()
	s := w.git(w.project, "status", "--porcelain", "--ignored", "--untracked-files=all")
	for _, dir := range []string{".", ".git"} {
		entries, err := os.ReadDir(filepath.Join(w.project, dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			s += filepath.Join(dir, e.Name()) + "\n"
		}
	}
	return s
}

func (w *world) environ() []string {
	var env []string
	for _, k := range slices.Sorted(maps.Keys(w.env)) {
		env = append(env, k+"="+w.env[k])
	}
	return env
}

// result of a program that ended.
type result struct {
	status   int // -N if signal N ended it
	out, err string
}

func (r result) String() string {
	return fmt.Sprintf("exit status %d\nstdout:\n%s\nstderr:\n%s", r.status, r.out, r.err)
}

// command is jailed-claude, ready to start in the project.
func (w *world) command(args ...string) *exec.Cmd {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	w.t.Cleanup(cancel)
	c := exec.CommandContext(ctx, cmp.Or(w.bin, os.Getenv("JAIL_TEST_BIN")), args...)
	c.Dir, c.Env = w.project, w.environ()
	c.WaitDelay = 5 * time.Second
	if w.lab != nil {
		w.lab.enter(c)
	}
	return c
}

// finish runs a command to its end.
func finish(t *testing.T, c *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	if c.Stdout == nil {
		c.Stdout = &out
	}
	if c.Stderr == nil {
		c.Stderr = &errs
	}
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", strings.Join(c.Args, " "), err)
	}
	return result{statusOf(c.ProcessState), out.String(), errs.String()}
}

func statusOf(s *os.ProcessState) int {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return -int(ws.Signal())
	}
	return s.ExitCode()
}

// run runs jailed-claude in a project that it must leave as it was.
func (w *world) run(args ...string) result {
	w.t.Helper()
	before := w.status()
	r := finish(w.t, w.command(args...))
	if after := w.status(); after != before {
		w.t.Errorf("jailed-claude %s changed the project:\n%s\nbefore:\n%s\n%s", strings.Join(args, " "), after, before, r)
	}
	return r
}

// bash runs a script in the jail with the usual tools; the flags are
// jailed-claude's. What the script does to the project is its own affair.
func (w *world) bash(script string, flags ...string) result {
	w.t.Helper()
	return finish(w.t, w.bashCommand(script, flags...))
}

func (w *world) bashCommand(script string, flags ...string) *exec.Cmd {
	w.t.Helper()
	args := append([]string{"shell", "--closure", requireVariable(w.t, "DEVENV_CLOSURE"), "--net", "none"}, flags...)
	return w.command(append(args, "--", "bash", "-c", script)...)
}

// base is the same with the smallest closure, bash and coreutils.
func (w *world) base(script string, flags ...string) *exec.Cmd {
	w.t.Helper()
	args := append([]string{"shell", "--closure", requireVariable(w.t, "BASE_CLOSURE"), "--net", "none"}, flags...)
	return w.command(append(args, "--", "bash", "-c", script)...)
}

// must is bash with a script that has to end well.
func (w *world) must(script string, flags ...string) string {
	w.t.Helper()
	r := w.bash(script, flags...)
	if r.status != 0 {
		w.t.Fatalf("%s: %s", script, r)
	}
	return r.out
}

// part runs this test binary inside a jail.
func (w *world) part(name string, flags ...string) *exec.Cmd {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	args := append([]string{"shell", "--closure", requireVariable(w.t, "BASE_CLOSURE"), "--net", "none",
		"--read", self, "--env", partEnv + "=" + name}, flags...)
	return w.command(append(args, "--", self)...)
}

// lines without empty ones.
func lines(s string) []string {
	var l []string
	for line := range strings.Lines(s) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			l = append(l, line)
		}
	}
	return l
}

// closure is the list of store paths in a closure file.
func closure(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(requireVariable(t, name+"_CLOSURE"))
	if err != nil {
		t.Fatal(err)
	}
	return lines(string(text))
}
