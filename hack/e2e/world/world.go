package world

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Deadline is for what must end by itself. Far more than it takes: a machine
// under load is no failure.
const Deadline = 90 * time.Second

// Planted is what no jail may ever show.
const Planted = "PLANTED-SECRET-5f2c"

// World is a caller: a home with a secret in it, a project that is a git
// repository, and an environment.
type World struct {
	T *testing.T
	// Dir holds all of it; home and project are below.
	Dir, Home, Project string
	Env                map[string]string
	// Lab is where its commands run; nil for this machine.
	Lab *Lab
	// Bin is jailed-claude, if it is not JAIL_TEST_BIN.
	Bin string
	// Limit is for commands that take long; 0 is Deadline.
	Limit time.Duration
	// Whole: starts are not split in two (cmd/jailed-claude/split.c).
	Whole bool
}

// Without reports whether these tests run with a start-up trick switched off
// (JAIL_TEST_WITHOUT).
func Without(trick string) bool {
	off := strings.Split(os.Getenv("JAIL_TEST_WITHOUT"), ",")
	return slices.Contains(off, trick) || slices.Contains(off, "all")
}

// New makes a world; it is removed at the end of the test.
func New(t *testing.T) *World {
	t.Helper()
	requireUserNS(t)
	RequireVariable(t, "BIN")
	RequireTool(t, "git")
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
		for _, work := range []string{"layer/work/work", "layer/git/*/work/work"} {
			// Folders of overlayfs's own that nobody may read.
			found, _ := filepath.Glob(filepath.Join(dir, "home/.local/state/jailed-claude/projects/*", work))
			for _, f := range found {
				_ = os.Chmod(f, 0o700)
			}
		}
		err := os.RemoveAll(dir)
		// What a jail was that ends by itself may write a last word.
		for end := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(end); err = os.RemoveAll(dir) {
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			t.Errorf("the world cannot be removed: %v", err)
		}
	})
	w := &World{T: t, Dir: dir, Home: filepath.Join(dir, "home")}
	w.Project = filepath.Join(w.Home, "project")
	for _, d := range []string{"home", "run", "tmp"} {
		w.Mkdir(filepath.Join(dir, d), 0o700)
	}
	w.Env = map[string]string{
		"HOME": w.Home, "USER": "caller", "PATH": os.Getenv("PATH"), "LANG": "C.UTF-8", "TERM": "xterm-256color",
		"XDG_RUNTIME_DIR": filepath.Join(dir, "run"), "TMPDIR": filepath.Join(dir, "tmp"),
		"GIT_CONFIG_NOSYSTEM": "1",
	}
	w.Write(filepath.Join(w.Home, ".ssh/id_rsa"), Planted)
	w.Write(filepath.Join(w.Home, ".gitconfig"), "[user]\n\tname = Ada Caller\n\temail = ada@example.org\n[protocol \"file\"]\n\tallow = always\n[safe]\n\tdirectory = *\n")
	w.Repository(w.Project)
	return w
}

// Repository makes a git repository with one commit.
func (w *World) Repository(dir string) {
	w.T.Helper()
	w.Write(filepath.Join(dir, "README"), "a project\n")
	w.Git(dir, "init", "--quiet", "--initial-branch=main")
	w.Git(dir, "add", ".")
	w.Git(dir, "commit", "--quiet", "-m", "first")
}

// Mkdir makes a folder and its parents.
func (w *World) Mkdir(dir string, mode os.FileMode) {
	w.T.Helper()
	if err := os.MkdirAll(dir, mode); err != nil {
		w.T.Fatal(err)
	}
}

// Write makes a file, its folders included. A name that is not absolute is in
// the project.
func (w *World) Write(name, content string) string {
	w.T.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(w.Project, name)
	}
	w.Mkdir(filepath.Dir(name), 0o755)
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		w.T.Fatal(err)
	}
	return name
}

// Read is the content of a file. A name that is not absolute is in the project.
func (w *World) Read(name string) string {
	w.T.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(w.Project, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		w.T.Fatal(err)
	}
	return string(text)
}

// CommitAll makes the project's working tree clean.
func (w *World) CommitAll() {
	w.T.Helper()
	w.Git(w.Project, "add", "--force", ".")
	w.Git(w.Project, "commit", "--quiet", "-m", "more")
}

// Git runs the host's git.
func (w *World) Git(dir string, args ...string) string {
	w.T.Helper()
	c := exec.Command("git", args...)
	c.Dir, c.Env = dir, w.Environ()
	out, err := c.CombinedOutput()
	if err != nil {
		w.T.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Status is what git says of the project, ignored files included, with the
// names in its folders that git does not look at.
func (w *World) Status() string {
	w.T.Helper()
	var s strings.Builder
	s.WriteString(w.Git(w.Project, "status", "--porcelain", "--ignored", "--untracked-files=all"))
	for _, dir := range []string{".", ".git"} {
		entries, err := os.ReadDir(filepath.Join(w.Project, dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			s.WriteString(filepath.Join(dir, e.Name()) + "\n")
		}
	}
	return s.String()
}

// Environ is the caller's environment, sorted.
func (w *World) Environ() []string {
	var env []string
	for _, k := range slices.Sorted(maps.Keys(w.Env)) {
		env = append(env, k+"="+w.Env[k])
	}
	if off := os.Getenv("JAIL_TEST_WITHOUT"); off != "" {
		env = append(env, "GOJAIL_WITHOUT="+off)
	}
	return env
}

// Result of a program that ended.
type Result struct {
	Status   int // -N if signal N ended it
	Out, Err string
}

// String is all that the program left, for messages of tests.
func (r Result) String() string {
	return fmt.Sprintf("exit status %d\nstdout:\n%s\nstderr:\n%s", r.Status, r.Out, r.Err)
}

// Command is jailed-claude, ready to start in the project.
func (w *World) Command(args ...string) *exec.Cmd {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(w.Limit, Deadline))
	w.T.Cleanup(cancel)
	if w.Whole {
		args = append([]string{"--log-format=text"}, args...)
	}
	c := exec.CommandContext(ctx, cmp.Or(w.Bin, os.Getenv("JAIL_TEST_BIN")), args...)
	c.Dir, c.Env = w.Project, w.Environ()
	c.WaitDelay = 5 * time.Second
	if w.Lab != nil {
		w.Lab.Enter(c)
	}
	return c
}

// Finish runs a command to its end.
func Finish(t *testing.T, c *exec.Cmd) Result {
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
	return Result{StatusOf(c.ProcessState), out.String(), errs.String()}
}

// StatusOf is the exit status, or -N if signal N ended it.
func StatusOf(s *os.ProcessState) int {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return -int(ws.Signal())
	}
	return s.ExitCode()
}

// Run runs jailed-claude in a project that it must leave as it was.
func (w *World) Run(args ...string) Result {
	w.T.Helper()
	before := w.Status()
	r := Finish(w.T, w.Command(args...))
	if after := w.Status(); after != before {
		w.T.Errorf("jailed-claude %s changed the project:\n%s\nbefore:\n%s\n%s", strings.Join(args, " "), after, before, r)
	}
	return r
}

// Bash runs a script in the jail with the usual tools; the flags are
// jailed-claude's. What the script does to the project is its own affair.
func (w *World) Bash(script string, flags ...string) Result {
	w.T.Helper()
	return Finish(w.T, w.BashCommand(script, flags...))
}

// BashCommand is the command of Bash, ready to start.
func (w *World) BashCommand(script string, flags ...string) *exec.Cmd {
	w.T.Helper()
	args := append([]string{"shell", "--closure", RequireVariable(w.T, "DEVENV_CLOSURE"), "--net", "none"}, flags...)
	return w.Command(append(args, "--", "bash", "-c", script)...)
}

// Base is the same with the smallest closure, bash and coreutils.
func (w *World) Base(script string, flags ...string) *exec.Cmd {
	w.T.Helper()
	args := append([]string{"shell", "--closure", RequireVariable(w.T, "BASE_CLOSURE"), "--net", "none"}, flags...)
	return w.Command(append(args, "--", "bash", "-c", script)...)
}

// Must is bash with a script that has to end well.
func (w *World) Must(script string, flags ...string) string {
	w.T.Helper()
	r := w.Bash(script, flags...)
	if r.Status != 0 {
		w.T.Fatalf("%s: %s", script, r)
	}
	return r.Out
}

// Part runs this test binary inside a jail.
func (w *World) Part(name string, flags ...string) *exec.Cmd {
	w.T.Helper()
	self, err := os.Executable()
	if err != nil {
		w.T.Fatal(err)
	}
	args := append([]string{
		"shell", "--closure", RequireVariable(w.T, "BASE_CLOSURE"), "--net", "none",
		"--read", self, "--env", PartEnv + "=" + name,
	}, flags...)
	return w.Command(append(args, "--", self)...)
}

// Lines without empty ones.
func Lines(s string) []string {
	var l []string
	for line := range strings.Lines(s) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			l = append(l, line)
		}
	}
	return l
}

// Closure is the list of store paths in a closure file.
func Closure(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(RequireVariable(t, name+"_CLOSURE"))
	if err != nil {
		t.Fatal(err)
	}
	return Lines(string(text))
}

// Decode reads the JSON that a program wrote.
func Decode(t *testing.T, r Result, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Out), to); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, r)
	}
}

func inodeOf(t *testing.T, name string) uint64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(name, &st); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return st.Ino
}

// InParallel calls do for 0 to n-1, four at a time.
func InParallel(n int, do func(int)) {
	var group sync.WaitGroup
	next := make(chan int)
	for range 4 {
		group.Go(func() {
			for i := range next {
				// One that gives up (t.Fatal) must not take the others along.
				var one sync.WaitGroup
				one.Go(func() { do(i) })
				one.Wait()
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
}

// ThroughShell runs a script in a jail from a host shell with redirections.
func (w *World) ThroughShell(redirect, script string) *exec.Cmd {
	w.T.Helper()
	inner := w.Base(script)
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	w.T.Cleanup(cancel)
	c := exec.CommandContext(ctx, RequireTool(w.T, "bash"), append([]string{"-c", `exec "$@" ` + redirect, "bash"}, inner.Args...)...)
	c.Dir, c.Env, c.WaitDelay = inner.Dir, inner.Env, inner.WaitDelay
	return c
}

// WaitFor waits until a condition holds.
func WaitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(Deadline); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("waited in vain for %s", what)
			return
		}
	}
}
