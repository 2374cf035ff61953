package review

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
)

// mountVariable has what a child of the tests mounts before it becomes a shell.
const mountVariable = "REVIEW_TEST_MOUNT"

func TestMain(m *testing.M) {
	if text := os.Getenv(mountVariable); text != "" {
		fmt.Fprintln(os.Stderr, inside(text))
		os.Exit(99)
	}
	if text := os.Getenv(killVariable); text != "" {
		killed(text)
	}
	os.Exit(m.Run())
}

// inside mounts the layer over the project, as a jail does, and executes the
// script.
func inside(text string) error {
	f := strings.Split(text, "\x01")
	script, layers := f[0], f[1:]
	for pair := range slices.Chunk(layers, 2) {
		o := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work,userxattr", pair[0], pair[1], pair[1])
		if err := unix.Mount("overlay", pair[0], "overlay", 0, o); err != nil {
			return fmt.Errorf("mount: %w", err)
		}
	}
	if err := os.Chdir(layers[0]); err != nil {
		return err
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		return err
	}
	return unix.Exec(sh, []string{"sh", "-euc", script}, clean())
}

// clean is an environment in which git is nobody's.
func clean() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.org", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.org",
	}
}

// world is a project with a layer.
type world struct {
	t              testing.TB
	project, layer string
	// git is a git directory outside of the project that has a layer, too.
	git     string
	trusted func(string) string
}

// newWorld makes a project with a git repository by a script.
func newWorld(t testing.TB, script string) *world {
	t.Helper()
	root := t.TempDir()
	writable(t, root)
	return newWorldIn(t, root, script)
}

// inMemory is a folder in memory, where there is one, for tests of what a kill leaves
// and of what git is told: that is the same there, and nothing waits for a disk at each
// of hundreds of steps. make soak uses the disk.
func inMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "review")
	if err != nil || os.Getenv("JAIL_TEST_SOAK") != "" {
		_ = os.Remove(dir)
		dir = t.TempDir()
		writable(t, dir)
		return dir
	}
	t.Cleanup(func() { _ = exec.Command("sh", "-c", "chmod -R u+rwx \"$0\"; rm -rf \"$0\"", dir).Run() })
	return dir
}

// newWorldIn makes it in a folder.
func newWorldIn(t testing.TB, root, script string) *world {
	t.Helper()
	w := &world{t: t, project: filepath.Join(root, "project"), layer: filepath.Join(root, "state", "layer")}
	for _, d := range []string{w.project, filepath.Dir(w.layer)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.trusted = func(p string) string {
		for _, guard := range []string{".vscode", ".envrc", ".mcp.json"} {
			for part := range strings.SplitSeq(p, "/") {
				if part == guard {
					return "guarded"
				}
			}
		}
		return ""
	}
	w.host(script)
	w.begin()
	return w
}

// writable lets an ordinary user remove folders that nobody may write.
func writable(t testing.TB, dir string) {
	t.Cleanup(func() { _ = exec.Command("chmod", "-R", "u+rwx", dir).Run() })
}

// begin notes what the project is like.
func (w *world) begin() {
	w.t.Helper()
	dir := layer.Dir(w.layer)
	if err := dir.Make(w.project); err != nil {
		w.t.Fatal(err)
	}
	if w.git != "" {
		if err := dir.Git(w.git).Make(w.git); err != nil {
			w.t.Fatal(err)
		}
	}
	time.Sleep(3 * layer.Coarse) // what was written before is older than the layer
	at, err := dir.Clock(w.project)
	if err != nil {
		w.t.Fatal(err)
	}
	base := layer.Below(w.project, layer.Base{})
	base.Time = at
	if w.git != "" {
		base.Git = []string{w.git}
	}
	if err := dir.SetBase(base); err != nil {
		w.t.Fatal(err)
	}
}

// host runs a script in the project.
func (w *world) host(script string) string {
	w.t.Helper()
	c := exec.Command("sh", "-euc", script)
	c.Dir, c.Env = w.project, clean()
	out, err := c.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

// userNamespace is how a child gets namespaces of its own.
func userNamespace(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

// jail runs a script in the layer.
func (w *world) jail(script string) string {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	c := exec.Command(self)
	args := []string{script, w.project, w.layer}
	if w.git != "" {
		args = append(args, w.git, string(layer.Dir(w.layer).Git(w.git)))
	}
	c.Env = append(os.Environ(), mountVariable+"="+strings.Join(args, "\x01"))
	userNamespace(c)
	out, err := c.CombinedOutput()
	if err != nil {
		if strings.Contains(string(out), "mount: ") || strings.Contains(err.Error(), "fork/exec") {
			w.t.Skipf("no overlayfs in a user namespace here: %v: %s", err, out)
		}
		w.t.Fatalf("inside: %v\n%s", err, out)
	}
	return string(out)
}

func (w *world) options() Options {
	return Options{Layer: w.layer, Project: w.project, Trusted: w.trusted}
}

// review reads the layer.
func (w *world) review() *Review {
	w.t.Helper()
	r, err := New(w.options())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(r.Close)
	return r
}

// locked calls do with a review that may change things.
func (w *world) locked(do func(r *Review) (apply.Done, error)) (apply.Done, error) {
	w.t.Helper()
	r, err := Lock(w.options())
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	return do(r)
}

func (w *world) apply(o Wanted) apply.Done {
	w.t.Helper()
	d, err := w.locked(func(r *Review) (apply.Done, error) { return r.Apply(o) })
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) undo() apply.Done {
	w.t.Helper()
	d, err := w.locked(func(r *Review) (apply.Done, error) { return r.Undo(nil) })
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// lines are the items of a review, on a line each.
func (w *world) lines() []string {
	w.t.Helper()
	var all []string
	for _, i := range w.review().Items {
		l := i.Line()
		if i.Why != "" {
			l += " HELD"
		}
		if i.Never != "" {
			l += " NEVER"
		}
		if i.Conflict != "" {
			l += " CONFLICT"
		}
		if i.Merged {
			l += " MERGED"
		}
		all = append(all, l)
	}
	return all
}

// tree is what a folder holds: names, modes and contents.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		if strings.HasSuffix(rel, ".sample") {
			return nil
		}
		fmt.Fprintf(&b, "%s %v", rel, fi.Mode())
		switch {
		case fi.Mode().IsRegular():
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %q", data)
		case fi.Mode()&os.ModeSymlink != 0:
			to, _ := os.Readlink(p)
			fmt.Fprintf(&b, " -> %q", to)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sameTree compares two of them, and names what differs.
func sameTree(t *testing.T, what, got, want string) {
	t.Helper()
	have, wanted := strings.Split(got, "\n"), strings.Split(want, "\n")
	for _, side := range []struct {
		sign string
		a, b []string
	}{{"+", have, wanted}, {"-", wanted, have}} {
		for _, l := range side.a {
			if !slices.Contains(side.b, l) {
				t.Errorf("%s: %s %.200s", what, side.sign, l)
			}
		}
	}
}
