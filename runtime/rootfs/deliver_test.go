package rootfs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/runtime/mountinfo"
)

// elsewhere starts a process in a mount namespace of its own, a copy of this
// one's.
func elsewhere(t *testing.T) int {
	t.Helper()
	c := exec.Command("cat")
	in, err := c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	must(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	// It runs.
	_, err = in.Write([]byte("x"))
	must(t, err)
	_, err = out.Read(make([]byte, 1))
	must(t, err)
	return c.Process.Pid
}

// TestDeliver: what was mounted beside the root of a namespace is there then,
// with all that lies below it and with its flags, and not before.
func TestDeliver(t *testing.T) {
	if !inside(t) {
		return
	}
	frame := emptyTree(t)
	must(t, buildAll(frame, devMount))
	tr, err := frame.Copy()
	must(t, err)
	t.Cleanup(tr.Close)
	// A mount's place in a jail is a path from the root, and the root of the
	// process is this one's.
	at := func(p string) string { return filepath.Join(frame.Place, p) }
	for _, d := range []string{"work", "work/deep", "tmp", "late"} {
		must(t, os.Mkdir(at(d), 0o755))
	}
	before := elsewhere(t)
	project := scratch(t)
	must(t, os.WriteFile(filepath.Join(project, "file"), nil, 0o600))
	must(t, os.Mkdir(filepath.Join(project, "deep"), 0o755))
	must(t, buildAll(tr, bindMount(project, "/work", "ro", "rro"), bindMount(scratch(t), "/work/deep", "rw"),
		specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: "/tmp", Options: []string{"nosuid", "noexec", "mode=1777"}}))
	if len(tr.tops) != 2 {
		t.Errorf("mounts on the root: %v", tr.tops)
	}
	// A namespace that is made meanwhile gets nothing by that.
	pid := elsewhere(t)
	for _, p := range []int{before, pid} {
		mounts, err := mountinfo.Read(filepath.Join("/proc", strconv.Itoa(p), "mountinfo"), 1)
		must(t, err)
		for place := range mounts {
			if strings.HasPrefix(place, at("")) && place != at("dev") && !strings.HasPrefix(place, at("dev/")) {
				t.Errorf("%s is mounted before it is delivered", place)
			}
		}
	}
	for i := range tr.tops {
		tr.tops[i].place = at(tr.tops[i].place)
	}
	must(t, tr.Deliver(pid))

	there := filepath.Join("/proc", strconv.Itoa(pid), "root")
	if _, err := os.Stat(there + at("work/file")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(there+at("work/x"), nil, 0o600); err == nil {
		t.Error("a read-only mount is writable")
	}
	if err := os.WriteFile(there+at("work/deep/x"), nil, 0o600); err != nil {
		t.Error(err)
	}
	theirs, err := mountinfo.Read(filepath.Join("/proc", strconv.Itoa(pid), "mountinfo"), 1)
	must(t, err)
	ours, err := mountinfo.Read("/proc/self/mountinfo", 1)
	must(t, err)
	for _, p := range []string{"work", "work/deep", "tmp"} {
		here := ours[filepath.Join(tr.Place, p)]
		if here == "" || theirs[at(p)] != here {
			t.Errorf("%s: %q there, %q here", p, theirs[at(p)], here)
		}
	}

	// A place that leads elsewhere, or is not there, gets nothing.
	must(t, os.Symlink("late", at("link")))
	for _, p := range []string{"link", "gone"} {
		tr.tops = append(tr.tops[:0], top{tr.tops[0].fd, at(p), false})
		if err := tr.Deliver(pid); err == nil {
			t.Errorf("delivered to %s", p)
		}
	}
	if err := tr.Deliver(1 << 30); err == nil {
		t.Error("delivered to nobody")
	}
}
