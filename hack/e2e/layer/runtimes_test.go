package layer

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// fixed is a time.
var fixed = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// TestOtherRuntimes: runc and crun mount the layer of a bundle, the same one.
func TestOtherRuntimes(t *testing.T) {
	t.Parallel()
	w := project(t)
	before := print(t, w.Project)
	must(w, "echo ours >>a")
	const script = `grep -q " $PWD " /proc/self/mountinfo || exit 9; cat a; rm -r dir; mkdir dir; echo again >dir/new; ls dir; git add -A; git commit -qm inside; git log -1 --format=%s; grep " $PWD " /proc/self/mountinfo | grep -c userxattr`
	for name, run := range w.Runtimes() {
		dir := filepath.Join(w.Dir, name+"-bundle")
		args := slices.Concat([]string{"bundle", "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--net", "none"}, overlay, []string{dir, "--", "bash", "-c", script})
		if r := world.Finish(t, w.Command(args...)); r.Status != 0 {
			t.Fatal(r)
		}
		if r := run(dir); r.Status != 0 || !strings.Contains(r.Out, "ours\n") || !strings.HasSuffix(r.Out, "new\ninside\n1\n") {
			t.Errorf("%s: %s", name, r)
		}
		unchanged(t, w.Project, before)
		must(w, "git reset -q --hard HEAD~1; git clean -qfd; echo ours >>a")
	}
}

// TestMountsBelow: the kernel makes no layer over a folder in which something is
// mounted: refused by name, and nothing else is done instead.
func TestMountsBelow(t *testing.T) {
	t.Parallel()
	w := project(t)
	args := slices.Concat([]string{filepath.Join(w.Project, "dir"), "tmpfs", "--", os.Getenv("JAIL_TEST_BIN"), "shell", "--closure", world.RequireVariable(t, "BASE_CLOSURE"), "--net", "none"}, overlay, []string{"--", "true"})
	r := world.Finish(t, w.Privileged("mounts", unix.CAP_SYS_ADMIN, syscall.CLONE_NEWNS, args))
	if r.Status != 125 || !strings.Contains(r.Err, filepath.Join(w.Project, "dir")) || !strings.Contains(r.Err, "tmpfs") || !strings.Contains(r.Err, "--project-mode") {
		t.Errorf("%s", r)
	}
}

// TestFileSystems: what can be below a layer, or hold one, does; what cannot is
// refused with the reason.
func TestFileSystems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, lower, upper, refused string
	}{
		{"a tmpfs below", "tmpfs", "", ""},
		{"on a tmpfs", "", "tmpfs", ""},
		{"tmpfs on tmpfs", "tmpfs", "tmpfs", ""},
		{"an overlay below", "overlay", "", ""},
		{"on an overlay", "", "overlay", "another overlayfs"},
		{"a ramfs below", "ramfs", "", ""},
		{"on a ramfs", "", "ramfs", "no user attributes"},
		{"xfs below", "xfs", "", ""},
		{"on xfs", "", "xfs", ""},
		{"btrfs below", "btrfs", "", ""},
		{"on btrfs", "", "btrfs", ""},
	} {
		t.Run(c.name, func(t *testing.T) { fileSystem(t, c.lower, c.upper, c.refused) })
	}
}

// fileSystem runs a jail with a layer over a file system, or on one; empty is
// that of all else.
func fileSystem(t *testing.T, lower, upper, refused string) {
	w := world.New(t)
	place, state := filepath.Join(w.Home, "fs"), filepath.Join(w.Home, ".local/state")
	for _, d := range []string{place, state, w.Dir + "/ovl/lower", w.Dir + "/ovl/upper", w.Dir + "/ovl/work"} {
		w.Mkdir(d, 0o755)
	}
	var args []string
	for _, m := range []struct{ at, kind string }{{place, lower}, {state, upper}} {
		switch m.kind {
		case "":
		case "xfs", "btrfs":
			mountDisk(t, w, m.kind, m.at)
		case "overlay":
			args = append(args, m.at, "overlay+userxattr,lowerdir="+w.Dir+"/ovl/lower,upperdir="+w.Dir+"/ovl/upper,workdir="+w.Dir+"/ovl/work")
		default:
			args = append(args, m.at, m.kind)
		}
	}
	// In a user namespace of the caller's own: it can mount there.
	const inside = "set -e; echo more >>a; rm -r d; mkdir d; echo x >d/y; git add -A; git commit -qm inside; mv d e; ls e"
	const script = "set -e; cd \"$1\"; mkdir -p repo/d; cd repo; echo a >a; echo x >d/x; git init -q .; git add .; git commit -qm one; cp -a . ../before; " +
		"\"$2\" shell --closure \"$3\" --net none --project-mode overlay -- bash -c '" + inside + "'; diff -r . ../before"
	args = append(args, "--", "/bin/bash", "-c", script, "bash", place, os.Getenv("JAIL_TEST_BIN"), world.RequireVariable(t, "DEVENV_CLOSURE"))
	c := w.Privileged("mounts", unix.CAP_SYS_ADMIN, syscall.CLONE_NEWNS, args)
	// overlayfs looks into its work folder, whose mode is 000.
	c.SysProcAttr.AmbientCaps = append(c.SysProcAttr.AmbientCaps, unix.CAP_DAC_OVERRIDE)
	r := world.Finish(t, c)
	switch {
	case r.Status == 99:
		world.Cannot(t, "not to be had here: %s", r.Err)
	case refused == "" && (r.Status != 0 || r.Out != "y\n"):
		t.Error(r)
	case refused != "" && (r.Status != 125 || !strings.Contains(r.Err, refused) || !strings.Contains(r.Err, "XDG_STATE_HOME")):
		t.Error(r)
	}
}

// mountDisk mounts a new disk of some kind until the test ends. It is in a file of
// its own: namespaces of tests beside this one can have it mounted for longer, and
// a second disk in the same file would be written below the first.
func mountDisk(t *testing.T, w *world.World, kind, at string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("disks are mounted by root")
	}
	image := filepath.Join(w.Dir, "disk")
	for _, c := range [][]string{{"truncate", "-s", "400M", image}, {"mkfs." + kind, "-q", image}, {"mount", "-t", kind, "-o", "loop", image, at}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s is not to be had here: %q: %v: %s", kind, c, err, out)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Errorf("unmount %s: %v", at, err)
		}
	})
}
