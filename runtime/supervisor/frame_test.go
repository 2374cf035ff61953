package supervisor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

func usual(t *testing.T, terminal bool) *specs.Spec {
	t.Helper()
	return contract.UsualFrame(1000, 100, terminal, "/srv/jailed-claude")
}

// TestFits: a container that was begun ahead is kept for the jail that it is of,
// whatever is to come into it, and for no other.
func TestFits(t *testing.T) {
	f := &frame{spec: usual(t, false)}
	for name, tt := range map[string]struct {
		change func(s *specs.Spec)
		want   bool
	}{
		"the same": {func(*specs.Spec) {}, true},
		"filled": {func(s *specs.Spec) {
			s.Process.Args, s.Process.Cwd = []string{"a"}, "/work"
			s.Mounts = append(s.Mounts, bindMount("/srv", "/work"))
			s.Linux.Seccomp = &specs.LinuxSeccomp{}
		}, true},
		"a terminal": {func(s *specs.Spec) { s.Process.Terminal = true }, false},
		"a capability more": {func(s *specs.Spec) {
			s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, "CAP_KILL")
		}, false},
		"a namespace less": {func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[1:] }, false},
		"another PID 1":    {func(s *specs.Spec) { s.Mounts[len(s.Mounts)-1].Source = "/srv/other" }, false},
		"limits":           {func(s *specs.Spec) { s.Linux.Resources = &specs.LinuxResources{Pids: &specs.LinuxPids{}} }, false},
	} {
		s := usual(t, false)
		tt.change(s)
		if got := f.fits(s); got != tt.want {
			t.Errorf("%s: it fits: %v", name, got)
		}
	}
}

// TestTake: what fits and runs is taken; anything else is ended, and whoever
// wanted it makes its own.
func TestTake(t *testing.T) {
	var none *ahead
	if none.take(true) != nil || none.fits(usual(t, false)) || none.netNS() != nil {
		t.Error("what was not begun is there")
	}
	none.start()
	none.close()
	begun := func(failed bool) *ahead {
		return &ahead{frame: &frame{spec: usual(t, false), tree: &tree{dir: t.TempDir()}}, failed: failed, begun: make(chan struct{})}
	}
	for _, tt := range []struct{ fits, failed, want bool }{{true, false, true}, {false, false, false}, {true, true, false}} {
		a := begun(tt.failed)
		if got := a.take(tt.fits); (got != nil) != tt.want {
			t.Errorf("fits %v, failed %v: taken %v", tt.fits, tt.failed, got != nil)
		}
	}
}

// TestEndAhead: the half that plans can have the container ended, and gets an
// answer when it is.
func TestEndAhead(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fds[1])
	h := &half{socket: os.NewFile(uintptr(fds[0]), "other half"), pid: 1 << 30}
	none, err := os.Open("/dev/null")
	must(t, err)
	defer none.Close()
	ended := 0
	done := make(chan error)
	var got []int
	go func() {
		var err error
		got, _, err = h.take(func() { ended++ })
		done <- err
	}()
	for want := range 2 {
		_, err = unix.Write(fds[1], []byte{endAhead})
		must(t, err)
		answer := make([]byte, 2)
		if n, err := unix.Read(fds[1], answer); n != 1 || err != nil || answer[0] != endAhead || ended != want+1 {
			t.Fatalf("%d bytes, %v, ended %d times", n, err, ended)
		}
	}
	must(t, unix.Sendmsg(fds[1], []byte("A=b"), unix.UnixRights(int(none.Fd())), nil, 0))
	must(t, <-done)
	if len(got) != 1 || ended != 2 {
		t.Errorf("taken %v, ended %d times", got, ended)
	}
	for _, fd := range got {
		unix.Close(fd)
	}

	a := &ahead{frame: &frame{spec: usual(t, false), tree: &tree{dir: t.TempDir()}}, begun: make(chan struct{})}
	go close(a.begun)
	a.end()
	if a.fits(usual(t, false)) || a.take(true) != nil {
		t.Error("it was ended, and is taken")
	}
	(*ahead)(nil).end()
}

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
	tr, err := frame.again()
	must(t, err)
	t.Cleanup(tr.close)
	// A mount's place in a jail is a path from the root, and the root of the
	// process is this one's.
	at := func(p string) string { return filepath.Join(frame.place, p) }
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
		mounts, err := readMounts(filepath.Join("/proc", strconv.Itoa(p), "mountinfo"), 1)
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
	must(t, tr.deliver(pid))

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
	theirs, err := readMounts(filepath.Join("/proc", strconv.Itoa(pid), "mountinfo"), 1)
	must(t, err)
	ours, err := readMounts("/proc/self/mountinfo", 1)
	must(t, err)
	for _, p := range []string{"work", "work/deep", "tmp"} {
		here := ours[filepath.Join(tr.place, p)]
		if here == "" || theirs[at(p)] != here {
			t.Errorf("%s: %q there, %q here", p, theirs[at(p)], here)
		}
	}

	// A place that leads elsewhere, or is not there, gets nothing.
	must(t, os.Symlink("late", at("link")))
	for _, p := range []string{"link", "gone"} {
		tr.tops = append(tr.tops[:0], top{tr.tops[0].fd, at(p), false})
		if err := tr.deliver(pid); err == nil {
			t.Errorf("delivered to %s", p)
		}
	}
	if err := tr.deliver(1 << 30); err == nil {
		t.Error("delivered to nobody")
	}
}

// TestEnterable: what a process without capabilities cannot enter as its own
// working directory is found out before.
func TestEnterable(t *testing.T) {
	if !inside(t) {
		return
	}
	project := scratch(t)
	deep := filepath.Join(project, "a/b")
	must(t, os.MkdirAll(deep, 0o755))
	mounts := []specs.Mount{bindMount("/usr", "/w"), bindMount(project, "/w/project", "rw")}
	s, err := openSources(mounts, nil)
	must(t, err)
	defer s.close()
	for _, c := range []struct {
		dir  string
		mode os.FileMode // of what is called a
		want bool
	}{
		{"/w/project", 0o755, true}, {"/w/project/a", 0o755, true}, {"/w/project/a/b", 0o755, true},
		{"/w/project/a", 0o700, true}, {"/w/project/a/b", 0o700, true},
		{"/w/project/a", 0o644, false}, {"/w/project/a/b", 0o644, false}, {"/w/project/a/b", 0o077, false},
		{"/w/project", 0o644, true},
		{"/w/project/gone", 0o755, false}, {"/w/project/a/gone", 0o755, false},
		{"/w/projects", 0o755, false}, {"/", 0o755, false},
	} {
		must(t, os.Chmod(filepath.Join(project, "a"), c.mode))
		if got := s.enterable(mounts, c.dir); got != c.want {
			t.Errorf("%s, a has mode %o: %v", c.dir, c.mode, got)
		}
	}
	must(t, os.Chmod(filepath.Join(project, "a"), 0o755))
}

// TestHide: a file reads as empty, a folder is an empty one that cannot be
// written, and what is not there stays so.
func TestHide(t *testing.T) {
	if !inside(t) {
		return
	}
	project := scratch(t)
	must(t, os.WriteFile(filepath.Join(project, "secret"), []byte("s"), 0o600))
	must(t, os.MkdirAll(filepath.Join(project, "secrets/deep"), 0o755))
	must(t, os.Symlink("secret", filepath.Join(project, "link")))
	tr := emptyTree(t)
	must(t, buildAll(tr, devMount, bindMount(project, "/work", "rw")))
	for _, p := range []string{"/work/secret", "/work/secrets", "/work/gone", "/work/secret/gone", "/elsewhere"} {
		must(t, tr.hide(p))
	}
	work := filepath.Join(tr.place, "work")
	if text, err := os.ReadFile(filepath.Join(work, "secret")); err != nil || len(text) > 0 {
		t.Errorf("the file reads as %q (%v)", text, err)
	}
	if entries, err := os.ReadDir(filepath.Join(work, "secrets")); err != nil || len(entries) > 0 {
		t.Errorf("the folder holds %v (%v)", entries, err)
	}
	if err := os.WriteFile(filepath.Join(work, "secrets/x"), nil, 0o600); err == nil {
		t.Error("the folder that covers can be written")
	}
	for _, p := range []string{"secret", "secrets"} {
		if err := os.Rename(filepath.Join(work, p), filepath.Join(work, "moved")); err == nil {
			t.Errorf("%s was moved", p)
		}
	}
	if entries, err := os.ReadDir(project); err != nil || len(entries) != 3 {
		t.Errorf("the project holds %v (%v)", entries, err)
	}
	if text, err := os.ReadFile(filepath.Join(project, "secret")); err != nil || string(text) != "s" {
		t.Errorf("the host's file reads as %q (%v)", text, err)
	}
	if err := tr.hide("/work/link"); err == nil {
		t.Error("a symlink was followed")
	}
}

// TestCovered: what lies below the folder that the supervisor covers can be
// bound all the same, by the rules for other sources.
func TestCovered(t *testing.T) {
	dir := os.Getenv("SUPERVISOR_TEST_COVERED")
	if dir == "" {
		var err error
		dir, err = os.MkdirTemp(workDir, "jail-test-")
		must(t, err)
		defer os.RemoveAll(dir)
		must(t, os.WriteFile(dir+"/file", []byte("host"), 0o600))
		must(t, os.Symlink("file", dir+"/link"))
	}
	if !inside(t, "SUPERVISOR_TEST_COVERED="+dir) {
		return
	}
	c, err := privateWorkDir()
	must(t, err)
	if entries, err := os.ReadDir(workDir); err != nil || len(entries) > 0 {
		t.Fatalf("%s holds %v (%v)", workDir, entries, err)
	}
	for p, want := range map[string]string{dir + "/file": "", dir: "", workDir: "", "/proc/self": "became a symlink",
		dir + "/link": "became a symlink", dir + "/gone": "vanished"} {
		s, err := openSources([]specs.Mount{bindMount(p, "/x")}, c)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", p, err)
		}
		s.close()
	}
	s, err := openSources([]specs.Mount{bindMount(dir+"/file", "/x")}, c)
	must(t, err)
	if text, err := os.ReadFile(descriptor(s[0])); err != nil || string(text) != "host" {
		t.Errorf("%q, %v", text, err)
	}
	must(t, c.leave())
	if _, err := os.Stat(dir + "/file"); err != nil {
		t.Error(err)
	}
}

// TestProcessorsOfThreads: the first thread is alone where it is, and all run
// everywhere afterwards.
func TestProcessorsOfThreads(t *testing.T) {
	if !inside(t) {
		return
	}
	var all unix.CPUSet
	must(t, unix.SchedGetaffinity(0, &all))
	apart()
	first, others := processors(t)
	if all.Count() > 1 {
		if first.Count() != 1 || others.Count() != all.Count()-1 {
			t.Errorf("the first thread has %d processors and others %d, of %d", first.Count(), others.Count(), all.Count())
		}
		for i := range 1024 {
			if first.IsSet(i) && others.IsSet(i) {
				t.Errorf("both run on %d", i)
			}
		}
	}
	Together()
	if first, others := processors(t); first != all || others != all {
		t.Errorf("afterwards %v and %v, of %v", first, others, all)
	}
}

// processors are those of the first thread, and of all others together.
func processors(t *testing.T) (first, others unix.CPUSet) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	must(t, err)
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		must(t, err)
		var s unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &s); err != nil {
			continue // it has ended
		}
		if tid == os.Getpid() {
			first = s
			continue
		}
		for i := range 1024 {
			if s.IsSet(i) {
				others.Set(i)
			}
		}
	}
	return first, others
}
