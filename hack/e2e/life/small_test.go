package life

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// inShell runs a command from a shell of the host that does something first.
func inShell(w *world.World, first string, c *exec.Cmd) *exec.Cmd {
	w.T.Helper()
	s := *c
	s.Path = world.RequireTool(w.T, "bash")
	s.Args = append([]string{"bash", "-c", first + `; exec "$@"`, "bash"}, c.Args...)
	s.Args[4] = c.Path
	return &s
}

// TestUmaskIsKept: files that the agent makes have the modes that the caller's
// would have.
func TestUmaskIsKept(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, mask := range []string{"0022", "0077", "0002", "0027"} {
		r := world.Finish(t, inShell(w, "umask "+mask, w.Base("umask; : >made-"+mask)))
		if r.Status != 0 || r.Out != mask+"\n" {
			t.Errorf("umask %s: %s", mask, r)
			continue
		}
		var want uint32
		_, _ = fmt.Sscanf(mask, "%o", &want)
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(w.Project, "made-"+mask), &st); err != nil || st.Mode&0o777 != 0o666&^want {
			t.Errorf("umask %s: mode %o, %v", mask, st.Mode, err)
		}
	}
}

// TestAppendedOutput: a file to which the caller appends what the jail says is
// neither read nor truncated by it, and all that was said is there, in its order.
func TestAppendedOutput(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	log := w.Write(filepath.Join(w.Dir, "log"), world.Planted+"\n")
	script := `for fd in 1 2; do : >/proc/self/fd/$fd; timeout 1 cat /proc/self/fd/$fd >got-$fd; done 2>/dev/null
		for i in 1 2 3; do echo out $i; echo err $i >&2; done; head -c 1000000 /dev/zero | tr '\0' x; exit 7`
	r := world.Finish(t, w.ThroughShell(">>"+log+" 2>&1", script))
	text := w.Read(log)
	want := world.Planted + "\nout 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n" + strings.Repeat("x", 1000000)
	if r.Status != 7 || text != want {
		t.Errorf("status %d, %d bytes, not %d: %.200q", r.Status, len(text), len(want), text)
	}
	for _, name := range []string{"got-1", "got-2"} {
		if got, err := os.ReadFile(filepath.Join(w.Project, name)); err == nil && strings.Contains(string(got), world.Planted) {
			t.Errorf("%s has what was in the file before", name)
		}
	}
}

// TestProjectIsRenamed: what the end names is where it is now.
func TestProjectIsRenamed(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(".envrc", "mine\n")
	moved := filepath.Join(w.Home, "elsewhere")
	c := w.Base(`echo ready; read -r; echo x >mise.toml; mkdir -p sub/.vscode; echo x >sub/.vscode/tasks.json`)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	c.Stderr = &errs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.Project, moved); err != nil {
		t.Fatal(err)
	}
	_, _ = in.Write([]byte("go\n"))
	_ = in.Close()
	if err := c.Wait(); err != nil {
		t.Fatalf("%v: %s", err, &errs)
	}
	for _, name := range []string{"mise.toml", "sub/.vscode"} {
		if !strings.Contains(errs.String(), `"`+filepath.Join(moved, name)+`"`) {
			t.Errorf("%s is not named where it is: %s", name, &errs)
		}
	}
	if strings.Contains(errs.String(), `.envrc"`) || strings.Contains(errs.String(), w.Project+"/") {
		t.Errorf("what is not the agent's is named, or where it was: %s", &errs)
	}
}

// TestTightLimits: where a caller's limits leave too little for a start, it says so
// and what to do, instead of a dump of the Go runtime.
func TestTightLimits(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for limit, want := range map[string]string{"-v 400000": "the address space", "-d 60000": "the memory for data", "-f 10": "the size of files", "-u 12": "processes and threads", "-n 10": "files can be opened"} {
		if limit == "-u 12" && os.Getuid() == 0 {
			continue // root has no such limit
		}
		r := world.Finish(t, inShell(w, "ulimit "+limit, w.Base("true")))
		if r.Status != 125 || !strings.Contains(r.Err, want) || !strings.Contains(r.Err, "hint: to allow more") || strings.Contains(r.Err, "goroutine") {
			t.Errorf("%s: %s", limit, r)
		}
	}
	for _, limit := range []string{"-v 2000000", "-d 500000", "-n 256"} {
		if r := world.Finish(t, inShell(w, "ulimit "+limit, w.Base("true"))); r.Status != 0 {
			t.Errorf("%s: %s", limit, r)
		}
	}
}

// TestWithoutCgroups: where nothing shows cgroups the start says what to do.
func TestWithoutCgroups(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root takes a mount away")
	}
	w := world.New(t)
	c := w.Base("true")
	s := inShell(w, "umount -R /sys/fs/cgroup", c)
	s.Args = append([]string{"unshare", "--mount"}, append([]string{s.Path}, s.Args[1:]...)...)
	s.Path = world.RequireTool(t, "unshare")
	r := world.Finish(t, s)
	if r.Status != 125 || !strings.Contains(r.Err, "no cgroup file system is mounted here") || !strings.Contains(r.Err, "nsenter --net=") {
		t.Error(r)
	}
}

// TestCommandsInAFolderThatIsGone: a shell may stand in a folder that somebody has
// removed, or closed.
func TestCommandsInAFolderThatIsGone(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	gone, closed := "mkdir -p gone; cd gone; rmdir ../gone", "mkdir -p closed; cd closed; chmod 0 ."
	for _, c := range []struct {
		in, want string
		args     []string
	}{
		{gone, "the working directory is no longer there", []string{"shell", "--", "true"}},
		{gone, "the working directory is no longer there", []string{"shell", "--project", w.Project, "--", "true"}},
		{gone, "the working directory is no longer there", []string{"explain"}},
		{gone, "the working directory is no longer there", []string{"review"}},
		{gone, "the working directory is no longer there", []string{"trust"}},
		{gone, "the working directory is no longer there", []string{"init"}},
		{gone, "the working directory is no longer there", []string{"stop"}},
		{gone, "", []string{"list"}},
		{closed, "permission denied", []string{"shell", "--", "true"}},
	} {
		if c.in == closed && os.Getuid() == 0 {
			continue // root may go anywhere
		}
		r := world.Finish(t, inShell(w, c.in, w.Command(c.args...)))
		if refused := r.Status == 125 && strings.Contains(r.Err, c.want) && strings.Contains(r.Err, "hint: "); refused != (c.want != "") {
			t.Errorf("%s: %q: %s", c.in, c.args, r)
		}
	}
}
