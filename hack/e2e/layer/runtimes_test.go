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
	w := project(t)
	place, state := filepath.Join(w.Home, "fs"), filepath.Join(w.Home, ".local/state")
	w.Mkdir(place, 0o755)
	w.Mkdir(state, 0o755)
	for _, d := range []string{"lower", "upper", "work"} {
		w.Mkdir(filepath.Join(w.Dir, "ovl", d), 0o755)
	}
	over := "overlay+userxattr,lowerdir=" + w.Dir + "/ovl/lower,upperdir=" + w.Dir + "/ovl/upper,workdir=" + w.Dir + "/ovl/work"
	const script = "set -e; cd repo; echo more >>a; rm -r d; mkdir d; echo x >d/y; git add -A; git commit -qm inside; mv d e; ls e"
	for _, c := range []struct {
		name, lower, upper, refused string
	}{
		{"a tmpfs below", "tmpfs", "", ""},
		{"on a tmpfs", "", "tmpfs", ""},
		{"tmpfs on tmpfs", "tmpfs", "tmpfs", ""},
		{"an overlay below", over, "", ""},
		{"on an overlay", "", over, "another overlayfs"},
		{"xfs below", "xfs", "", ""},
		{"on xfs", "", "xfs", ""},
		{"btrfs below", "btrfs", "", ""},
		{"on btrfs", "", "btrfs", ""},
	} {
		// Disks need root, and their programs.
		disk := ""
		for _, kind := range []*string{&c.lower, &c.upper} {
			if *kind != "xfs" && *kind != "btrfs" {
				continue
			}
			at := map[*string]string{&c.lower: place, &c.upper: state}[kind]
			if !mountDisk(t, w, *kind, at) {
				disk = "none"
				continue
			}
			disk, *kind = at, ""
		}
		if disk == "none" {
			continue
		}

		// In a user namespace of the caller's own: it can mount there.
		make := "set -e; mkdir -p repo/d; cd repo; echo a >a; echo x >d/x; git init -q .; git add .; git commit -qm one; cp -a . ../before; cd ..; cd repo; " +
			"\"$0\" shell --closure \"$1\" --net none --project-mode overlay -- bash -c '" + strings.TrimPrefix(strings.ReplaceAll(script, "cd repo; ", ""), "") + "'; diff -r . ../before"
		args := []string{}
		if c.lower != "" {
			args = append(args, place, c.lower)
		}
		if c.upper != "" {
			args = append(args, state, c.upper)
		}
		args = append(args, "--", "/bin/bash", "-c", "rm -rf "+place+"/repo "+place+"/before; chmod -R u+rwX "+state+"; rm -rf "+state+"/jailed-claude; cd "+place+"; "+make, os.Getenv("JAIL_TEST_BIN"), world.RequireVariable(t, "DEVENV_CLOSURE"))
		r := world.Finish(t, w.Privileged("mounts", unix.CAP_SYS_ADMIN, syscall.CLONE_NEWNS, args))
		if disk != "" {
			if err := unix.Unmount(disk, 0); err != nil {
				t.Error(err)
			}
		}
		if r.Status == 99 {
			t.Logf("%s: not to be had here: %s", c.name, r.Err)
			continue
		}
		if c.refused == "" && (r.Status != 0 || !strings.Contains(r.Out, "y\n")) {
			t.Errorf("%s: %s", c.name, r)
		}
		if c.refused != "" && (r.Status != 125 || !strings.Contains(r.Err, c.refused) || !strings.Contains(r.Err, "XDG_STATE_HOME")) {
			t.Errorf("%s: %s", c.name, r)
		}
	}
}

// mountDisk mounts a new disk of some kind, if this caller and this host can.
func mountDisk(t *testing.T, w *world.World, kind, at string) bool {
	t.Helper()
	image := filepath.Join(w.Dir, kind+".img")
	for _, c := range [][]string{{"truncate", "-s", "400M", image}, {"mkfs." + kind, "-q", "-f", image}, {"mount", "-o", "loop", image, at}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Logf("%s: not to be had here: %q: %v: %s", kind, c, err, out)
			return false
		}
	}
	return true
}
