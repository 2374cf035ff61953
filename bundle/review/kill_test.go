package review

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
)

// killVariable makes a child of the tests that applies, or takes back, and is
// killed at a step.
const killVariable = "REVIEW_TEST_KILL"

// killed is that child. It exits with 0 if it got to its end before that step.
func killed(text string) {
	f := strings.Split(text, "\x01")
	at, _ := strconv.Atoi(f[3])
	n := 0
	step := func(string) {
		if n++; n == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	r, err := Lock(Options{Layer: f[0], Project: f[1], Trusted: func(string) string { return "" }})
	if err == nil {
		if f[2] == "undo" {
			_, err = r.Undo(step)
		} else {
			_, err = r.Apply(Wanted{Step: step})
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(98)
	}
	os.Exit(0)
}

// copied is a copy of a world, with its layer.
func (w *world) copied() *world {
	w.t.Helper()
	root, err := os.MkdirTemp(filepath.Dir(w.project), "copy")
	if err != nil {
		w.t.Fatal(err)
	}
	c := *w
	c.project, c.layer = filepath.Join(root, "project"), filepath.Join(filepath.Dir(filepath.Dir(w.layer)), filepath.Base(root)+strconv.Itoa(os.Getpid())+filepath.Base(filepath.Dir(root)), "layer")
	if err := os.MkdirAll(filepath.Dir(c.layer), 0o755); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = exec.Command("sh", "-c", "chmod -R u+rwx \"$0\"; rm -rf \"$0\"", filepath.Dir(c.layer)).Run()
	})
	for from, to := range map[string]string{w.project: c.project, w.layer: c.layer} {
		_ = os.Chmod(filepath.Join(from, "work/work"), 0o700)
		if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
			w.t.Fatalf("%v: %s", err, out)
		}
	}
	c.begin()
	return &c
}

// end runs something to step n in a child, and tells whether it was killed there.
func (w *world) end(what string, n int) bool {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), killVariable+"="+strings.Join([]string{w.layer, w.project, what, strconv.Itoa(n)}, "\x01"))
	out, err := c.CombinedOutput()
	if err == nil {
		return false
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if status, is := exit.Sys().(syscall.WaitStatus); !ok || !is || status.Signal() != syscall.SIGKILL {
		w.t.Fatalf("%s, step %d: %v: %s", what, n, err, out)
	}
	return true
}

// files are what is in a project, by path, without git's own.
func (w *world) files() map[string]string {
	all := map[string]string{}
	for l := range strings.Lines(tree(w.t, w.project)) {
		name, rest, _ := strings.Cut(l, " ")
		if !strings.HasPrefix(name, ".git/") && name != ".jailed-claude-apply" && !strings.HasPrefix(name, ".jailed-claude-apply/") {
			all[name] = rest
		}
	}
	return all
}

const killScript = `
echo more >>a.txt; printf 'x\0z' >bin; chmod +x tool; rm -r old; mkdir -p new/er; echo n >new/er/n; chmod 555 new/er
ln -sfn b.txt link; rm -r empty; echo file >empty; mv src/moves src/deep/moved
rm src/keep; mkdir src/keep; echo in >src/keep/in; chmod u+w src; rm -r src/deep/d; ln a.txt hard; chmod 750 src/deep
echo c >c.txt; git add c.txt a.txt; git commit -qm second; git switch -qc topic; git config branch.topic.remote .; git tag t
`

const gitState = "git status --porcelain; git for-each-ref; cat .git/HEAD; git ls-files -s; git config --get-regexp '^branch' || true; git fsck --strict 2>&1 | grep -v dangling || true"

// TestKilled: apply, and taking it back, are killed at every step. Each file is then
// as before or as afterwards; and what was interrupted can be finished, or taken
// back.
func TestKilled(t *testing.T) {
	needGit(t)
	for _, fs := range []string{"the same", "another"} {
		t.Run(fs, func(t *testing.T) {
			w := killWorld(t, fs == "another")
			before, gitBefore := w.files(), w.host(gitState)
			done := w.copied()
			if d := done.apply(Wanted{}); len(d.Failed) > 0 || d.Held > 0 {
				t.Fatalf("%+v", d)
			}
			after, gitAfter := done.files(), done.host(gitState)
			inLayer := w.lines()
			check := func(t *testing.T, c *world) {
				t.Helper()
				now := c.files()
				for _, set := range []map[string]string{before, after, now} {
					for p := range set {
						if now[p] != before[p] && now[p] != after[p] && !strings.HasPrefix(before[p]+after[p], "d") {
							t.Errorf("%s is %q, neither %q nor %q", p, now[p], before[p], after[p])
						}
					}
				}
			}
			same := func(t *testing.T, what string, c *world, want map[string]string, git string) {
				t.Helper()
				now := c.files()
				for _, set := range []map[string]string{want, now} {
					for p := range set {
						if now[p] != want[p] {
							t.Errorf("%s: %s is %q, not %q", what, p, now[p], want[p])
						}
					}
				}
				if got := c.host(gitState); got != git {
					t.Errorf("%s: git says\n%s\nnot\n%s", what, got, git)
				}
			}
			points, killed := 0, 0
			stride := 11
			if os.Getenv("JAIL_TEST_SOAK") != "" {
				stride = 1
			}
			for n := 1; ; n += stride {
				c := w.copied()
				if !c.end("apply", n) {
					break
				}
				points++
				check(t, c)
				if killed++; killed%2 == 0 {
					if d := c.undo(); len(d.Failed) > 0 {
						t.Errorf("step %d, undo: %+v", n, d)
					}
					same(t, fmt.Sprintf("step %d, undo", n), c, before, gitBefore)
					if got := c.lines(); strings.Join(got, "\n") != strings.Join(inLayer, "\n") {
						t.Errorf("step %d, undo: the layer has\n%s\nnot\n%s", n, strings.Join(got, "\n"), strings.Join(inLayer, "\n"))
					}
				}
				if c.end("apply", n+3) { // a second one, too
					check(t, c)
				}
				if d := c.apply(Wanted{}); len(d.Failed) > 0 {
					t.Errorf("step %d: %+v", n, d)
				}
				same(t, fmt.Sprintf("step %d", n), c, after, gitAfter)
				if r := c.review(); !r.Empty() || apply.Unfinished(c.layer) {
					t.Errorf("step %d: left %q", n, c.lines())
				}
				if t.Failed() {
					return
				}
			}
			for n := 1; ; n += stride {
				c := w.copied()
				c.apply(Wanted{})
				if !c.end("undo", n) {
					break
				}
				points++
				check(t, c)
				switch _, err := c.locked(func(r *Review) (apply.Done, error) { return r.finish(nil) }); {
				case errors.Is(err, apply.ErrNone) && maps.Equal(c.files(), after): // it was not begun
					c.undo()
				case err != nil && !errors.Is(err, apply.ErrNone):
					t.Fatal(err)
				}
				same(t, fmt.Sprintf("step %d back", n), c, before, gitBefore)
				if got := c.lines(); strings.Join(got, "\n") != strings.Join(inLayer, "\n") {
					t.Errorf("step %d back: the layer has\n%s\nnot\n%s", n, strings.Join(got, "\n"), strings.Join(inLayer, "\n"))
				}
				if t.Failed() {
					return
				}
			}
			t.Logf("killed at %d points", points)
			if points < 12 {
				t.Errorf("only %d points", points)
			}
		})
	}
}

// killWorld is a project with a layer that has a change of each kind. elsewhere
// puts the layer on another file system.
func killWorld(t *testing.T, elsewhere bool) *world {
	t.Helper()
	if !elsewhere {
		w := newWorldIn(t, inMemory(t), plainProject)
		w.jail(killScript)
		return w
	}
	dir, err := os.MkdirTemp("/dev/shm", "review")
	if err != nil {
		t.Skipf("no second file system: %v", err)
	}
	t.Cleanup(func() { _ = exec.Command("sh", "-c", "chmod -R u+rwx \"$0\"; rm -rf \"$0\"", dir).Run() })
	var a, b unix.Stat_t
	if unix.Stat(dir, &a) != nil || unix.Stat(t.TempDir(), &b) != nil || a.Dev == b.Dev {
		t.Skip("/dev/shm is the same file system")
	}
	w := newWorld(t, plainProject)
	w.layer = filepath.Join(dir, "state", "layer")
	if err := layer.Dir(w.layer).Make(w.project); err != nil {
		t.Skipf("no layer on /dev/shm: %v", err)
	}
	w.begin()
	w.jail(killScript)
	return w
}
