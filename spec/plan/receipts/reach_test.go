package receipts

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestOutside: what counts is where something lies when it has been opened, whatever
// path leads there by then.
func TestOutside(t *testing.T) {
	dir := t.TempDir()
	project, free := filepath.Join(dir, "project"), filepath.Join(dir, "project of mine")
	for _, d := range []string{filepath.Join(project, "sub"), free} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	open := func(p string) int {
		t.Helper()
		fd, err := unix.Open(p, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	jail := []specs.Mount{{Type: "proc", Source: "proc"}, {Source: filepath.Join(dir, "missing")}, {Source: project}}
	check := func(what string, fd int, name string, want bool) {
		t.Helper()
		if err := outside(what, fd, name, jail); (err == nil) != want {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("beside it", open(free), "receipt", true)
	check("in it", open(project), "receipt", false)
	check("below it", open(filepath.Join(project, "sub")), "receipt", false)
	check("a file that would be it", open(dir), "project", false)
	check("a name that begins like it", open(dir), "project of", true)

	// What is opened outside and then moved in is inside; the path says nothing.
	moved := open(free)
	if err := os.Rename(free, filepath.Join(project, "moved")); err != nil {
		t.Fatal(err)
	}
	check("moved in", moved, "receipt", false)
	if err := os.Mkdir(free, 0o700); err != nil {
		t.Fatal(err)
	}
	check("moved in, with another in its place", moved, "receipt", false)
	// A file by another of its names.
	key, link := filepath.Join(dir, "key"), filepath.Join(project, "key")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("a key", open(key), "", true)
	if err := os.Link(key, link); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(key)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if oneName(f) == nil {
		t.Error("a key with another name is taken")
	}
	jail = []specs.Mount{{Source: link}}
	check("a file that is granted by another name", open(key), "", false)
}

// TestOutsideByMounts: a mount of the host leads into what the jail has, or from there
// out.
func TestOutsideByMounts(t *testing.T) {
	const inside = "JAIL_TEST_INSIDE"
	if os.Getenv(inside) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestOutsideByMounts$", "-test.v")
		c.Env = append(os.Environ(), inside+"=1")
		c.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		out, err := c.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Skipf("no user namespace: %v", err)
		}
		if err != nil || !bytes.Contains(out, []byte("looked at three")) {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	dir := t.TempDir()
	p := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"project/sub/deep", "project/mounted", "elsewhere", "srv/results", "free"} {
		if err := os.MkdirAll(p(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"project/sub": "elsewhere", "srv": "project/mounted"} {
		if err := unix.Mount(p(from), p(to), "", unix.MS_BIND, ""); err != nil {
			t.Skipf("bind: %v", err)
		}
		defer func() { _ = unix.Unmount(p(to), unix.MNT_DETACH) }()
	}
	for name, want := range map[string]bool{"elsewhere/deep": false, "srv/results": false, "free": true} {
		fd, err := unix.Open(p(name), unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := outside(name, fd, "receipt", []specs.Mount{{Source: p("project")}}); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
		unix.Close(fd)
	}
	t.Log("looked at three")
}
