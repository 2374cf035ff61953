package layer

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func TestMain(m *testing.M) {
	os.Exit(world.Main(m, map[string]func([]string) int{"mounts": mounts, "connect": connect}))
}

// overlay are the flags of a jail with a layer.
var overlay = []string{"--project-mode", "overlay"}

// inLayer runs a script in the layer of a project, with the usual tools.
func inLayer(w *world.World, script string, flags ...string) world.Result {
	w.T.Helper()
	return w.Bash(script, append(overlay, flags...)...)
}

// must is inLayer of a script that has to end well.
func must(w *world.World, script string) world.Result {
	w.T.Helper()
	r := inLayer(w, script)
	if r.Status != 0 {
		w.T.Fatalf("%s: %s", script, r)
	}
	return r
}

// print says all of a tree that a layer must leave as it is: names, modes,
// owners, links, times and contents.
func print(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %o %d:%d %d %d %d", strings.TrimPrefix(p, dir), st.Mode, st.Uid, st.Gid, st.Nlink, st.Mtim.Nano(), st.Ctim.Nano())
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x", sha256.Sum256(text))
		case unix.S_IFLNK:
			to, err := os.Readlink(p)
			if err != nil {
				return err
			}
			b.WriteString(" " + to)
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// unchanged fails the test if a tree is not as it was.
func unchanged(t *testing.T, dir, before string) {
	t.Helper()
	if after := print(t, dir); after != before {
		t.Errorf("the host's files changed:\n%s", difference(before, after))
	}
}

func difference(before, after string) string {
	had := map[string]bool{}
	for _, l := range world.Lines(before) {
		had[l] = true
	}
	var d strings.Builder
	for _, l := range world.Lines(after) {
		if !had[l] {
			d.WriteString("+ " + l + "\n")
		}
		delete(had, l)
	}
	for l := range had {
		d.WriteString("- " + l + "\n")
	}
	return d.String()
}

// folder is the layer's.
func folder(w *world.World) string {
	w.T.Helper()
	found, _ := filepath.Glob(filepath.Join(w.Home, ".local/state/jailed-claude/projects/*/layer"))
	if len(found) != 1 {
		w.T.Fatalf("layers: %q", found)
	}
	return found[0]
}

// mounts is the part "mounts": in a mount namespace of its own it mounts what
// pairs of arguments say, a folder and the file system for it, and runs what
// follows "--".
func mounts(args []string) int {
	for len(args) > 1 && args[0] != "--" {
		kind, source := args[1], args[1]
		data := ""
		if k, opts, ok := strings.Cut(kind, "+"); ok {
			kind, source, data = k, k, opts
		}
		if err := unix.Mount(source, args[0], kind, 0, data); err != nil {
			fmt.Fprintf(os.Stderr, "mount %s on %s: %v\n", kind, args[0], err)
			return 99
		}
		args = args[2:]
	}
	_ = os.Unsetenv(world.PartEnv)
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	fmt.Fprintln(os.Stderr, syscall.Exec(args[1], args[1:], os.Environ()))
	return 1
}

// connect is the part "connect": it tries to reach a socket in the project.
func connect([]string) int {
	for _, f := range []func() error{func() error { return nil }, func() error { return os.Link("s", "t") }, func() error { return os.Rename("s", "u") }} {
		if err := f(); err != nil {
			fmt.Println(err)
		}
		for _, p := range []string{"s", "t", "u"} {
			if c, err := net.Dial("unix", p); err != nil {
				fmt.Println(err)
			} else {
				fmt.Println("CONNECTED", p)
				c.Close()
			}
		}
	}
	return 0
}
