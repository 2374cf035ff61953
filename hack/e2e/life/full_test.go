package life

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// ending is how a program ended on a disk that was full, and what it left.
type ending struct {
	Status   int
	Out, Err string
	Files    []string
}

// onFullDisk is the part "full": it runs a command where a folder is a tmpfs
// of so many bytes and inodes, and once more where that tmpfs has grown. It
// prints both endings.
//
// Arguments: the folder, its bytes, its inodes, the command.
//
// Preconditions: in new user and mount namespaces, with CAP_SYS_ADMIN ambient.
func onFullDisk(args []string) int {
	dir, size, inodes := args[0], args[1], args[2]
	err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700,size="+size+",nr_inodes="+inodes)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_ = os.Unsetenv(world.PartEnv)
	var all []ending
	for i := range 2 {
		if i == 1 {
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_NOSUID|unix.MS_NODEV, "size=64m,nr_inodes=4096"); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		c := exec.Command(args[3], args[4:]...)
		var out, errs strings.Builder
		c.Stdout, c.Stderr = &out, &errs
		_ = c.Run()
		e := ending{Status: world.StatusOf(c.ProcessState), Out: out.String(), Err: errs.String()}
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				e.Files = append(e.Files, strings.TrimPrefix(p, dir+"/"))
			}
			return nil
		})
		all = append(all, e)
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		return 1
	}
	return 0
}

// temporary: a file that is written before it is renamed, and must not stay.
func temporary(name string) bool {
	base := filepath.Base(name)
	return strings.HasPrefix(base, ".new-") || strings.HasPrefix(base, ".jailed-claude-") || strings.Contains(base, ".new-") ||
		strings.HasPrefix(base, ".") && len(base) == 27 // rand.Text
}

// onDisk runs a command twice, as onFullDisk says.
func onDisk(w *world.World, dir string, size, inodes int, c *exec.Cmd) []ending {
	w.T.Helper()
	p := w.Privileged("full", unix.CAP_SYS_ADMIN, unix.CLONE_NEWNS, slices.Concat([]string{dir, strconv.Itoa(size), strconv.Itoa(inodes)}, c.Args))
	r := world.Finish(w.T, p)
	var all []ending
	if err := json.Unmarshal([]byte(r.Out), &all); err != nil || len(all) != 2 {
		w.T.Fatalf("%v: %s", err, r)
	}
	return all
}

// TestFullDisk: wherever the disk is full when something is written, the
// command works all the same or says what failed, leaves no half of a file, and
// works when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	base := world.RequireVariable(t, "BASE_CLOSURE")
	w.Write(w.Home+"/.claude.json", `{"theme":"dark","hasCompletedOnboarding":true}`)
	w.Write(w.Home+"/.claude/CLAUDE.md", strings.Repeat("remember\n", 1000))
	w.Write(w.Home+"/.claude/settings.json", `{"model":"opus"}`)
	w.Write(".jailed-claude.toml", "version = 1\n[files]\nread = [\"/usr/share\"]\n")
	dir := filepath.Join(w.Dir, "xdg")
	w.Mkdir(dir, 0o700)
	for _, v := range []string{"STATE_HOME", "CACHE_HOME", "CONFIG_HOME"} {
		w.Env["XDG_"+v] = filepath.Join(dir, strings.ToLower(v))
	}
	cases := map[string]struct {
		args []string
		// out is what the command says when it works.
		out string
	}{
		"run":    {[]string{"shell", "--policy", "none", "--closure", base, "--net", "internet", "--", "echo", "started"}, "started\n"},
		"trust":  {[]string{"trust", "--yes"}, ""},
		"bundle": {[]string{"bundle", "--policy", "none", "--closure", base, filepath.Join(dir, "bundle"), "--", "true"}, ""},
		"init":   {[]string{"init", "--user"}, ""},
	}
	page := os.Getpagesize()
	pages, inodes := rounds(12, 64), rounds(16, 40)
	n, failed := 0, 0
	for name, c := range cases {
		want := onDisk(w, dir, 64<<20, 4096, w.Command(c.args...))
		if want[0].Status != 0 || c.out != "" && want[0].Out != c.out {
			t.Errorf("%s with room enough: %+v", name, want[0])
			continue
		}
		check := func(size, inodes int) {
			n++
			got := onDisk(w, dir, size, inodes, w.Command(c.args...))
			what := fmt.Sprintf("%s with %d bytes and %d inodes", name, size, inodes)
			if got[0].Status != 0 {
				failed++
				if got[0].Status != 125 || !strings.Contains(got[0].Err, "jailed-claude: ") || !strings.Contains(got[0].Err, unix.ENOSPC.Error()) || strings.Contains(got[0].Err, "panic") || c.out != "" && got[0].Out != "" {
					t.Errorf("%s: %+v", what, got[0])
				}
			} else if c.out != "" && got[0].Out != c.out {
				t.Errorf("%s: %+v", what, got[0])
			}
			for _, e := range got {
				if i := slices.IndexFunc(e.Files, temporary); i >= 0 {
					t.Errorf("%s: %s is left of %q: %s", what, e.Files[i], e.Files, e.Err)
				}
			}
			// The second time has room: it must not matter what the first was.
			if name == "bundle" && got[0].Status == 0 || name == "init" && got[0].Status == 0 {
				return // exists already
			}
			if got[1].Status != 0 || c.out != "" && got[1].Out != c.out {
				t.Errorf("%s, and then with room: %+v", what, got[1])
			}
			if a, b := withoutLogs(got[1].Files), withoutLogs(want[1].Files); !slices.Equal(a, b) && name == "run" {
				t.Errorf("%s, and then with room: files %q, want %q; %s", what, a, b, got[0].Err)
			}
		}
		for i := 1; i <= pages; i++ {
			check(i*page, 4096)
		}
		for i := 1; i <= inodes; i++ {
			check(64<<20, i)
		}
	}
	if failed == 0 {
		t.Error("no write failed: the test shows nothing")
	}
	world.Counted(t, "%d disks, %d of them too small", n, failed)
}

// withoutLogs are names without those of sessions.
func withoutLogs(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(s string) bool { return strings.HasPrefix(s, "state_home/jailed-claude/log/") })
}

// TestFullOutput: a command whose output is lost does not say that all is well.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	claude := world.RequireVariable(t, "CLAUDE_CLOSURE")
	for _, args := range [][]string{
		{"spec", "--closure", claude},
		{"spec", "--portable", "--closure", claude},
		{"explain", "--closure", claude},
		{"explain", "--json", "--closure", claude},
		{"list", "--json"},
		{"schema"},
		{"--version"},
		{"--help"},
		{"run", "--help"},
		{"completion", "bash"},
	} {
		if r := world.Finish(t, w.Command(args...)); r.Status != 0 || r.Out == "" {
			t.Fatalf("%q: %s", args, r)
		}
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := w.Command(args...)
		c.Stdout = full
		r := world.Finish(t, c)
		full.Close()
		if r.Status == 0 || !strings.Contains(r.Err, unix.ENOSPC.Error()) {
			t.Errorf("%q: %s", args, r)
		}
	}
}

// TestFewDescriptors: with however few descriptors the caller may open, a start
// works or says why not, and leaves nothing.
func TestFewDescriptors(t *testing.T) {
	w := world.New(t)
	start := func() *exec.Cmd { return w.NetShell("echo started", "--net=internet") }
	status, files, before := settled(w, start)
	works, failed := 0, 0
	for n := 3; works < 5 && n < 400; n++ {
		c := start()
		c.Args = slices.Concat([]string{"prlimit", fmt.Sprintf("--nofile=%d:%d", n, n), "--"}, c.Args)
		c.Path = world.RequireTool(t, "prlimit")
		r := world.Finish(t, c)
		if r.Status == 0 && r.Out == "started\n" {
			works++
			continue
		}
		works, failed = 0, failed+1
		if r.Out != "" || r.Status != 125 || !strings.Contains(r.Err, "jailed-claude: ") && !strings.Contains(r.Err, "jail") ||
			!strings.Contains(r.Err, unix.EMFILE.Error()) || strings.Contains(r.Err, "goroutine") {
			t.Errorf("%d descriptors: %s", n, r)
		}
		if got := filesLeft(w); !slices.Equal(got, files) {
			t.Errorf("%d descriptors: the caller's folders hold %q, before %q", n, got, files)
		}
	}
	if works == 0 {
		t.Error("no number of descriptors is enough")
	}
	w.SameTrace(before)
	if after := w.Status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
	world.Counted(t, "%d numbers of descriptors that are too few", failed)
}

// TestFewDescriptorsLater takes the supervisor's descriptors away at every
// stage of a start: it fails with a reason, or does not need another one.
func TestFewDescriptorsLater(t *testing.T) {
	w := world.New(t)
	withFaults(w)
	start := func() *exec.Cmd { return w.NetShell("echo started", "--net=internet") }
	status, files, before := settled(w, start)
	n, failed := 0, 0
	for _, p := range fault.Start[slices.Index(fault.Start, fault.TakenOver):slices.Index(fault.Start, fault.Released)] {
		for more := 0; more < 30; more += rounds(5, 1) {
			n++
			c := start()
			c.Env = append(c.Env, fault.Variable+"="+string(p)+":"+fault.Stop)
			var out, errs strings.Builder
			c.Stdout, c.Stderr = &out, &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			waitAnyStopped(w, c.Process.Pid)
			open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			limit := uint64(len(open) + more)
			if err := unix.Prlimit(c.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}, nil); err != nil {
				t.Fatal(err)
			}
			_ = unix.Kill(c.Process.Pid, unix.SIGCONT)
			_ = c.Wait()
			r := world.Result{Status: world.StatusOf(c.ProcessState), Out: out.String(), Err: errs.String()}
			if r.Status == 0 && r.Out == "started\n" {
				continue
			}
			failed++
			// Go's runtime crashes where it cannot have its poller. That no start
			// gets here without descriptors enough is TestFewDescriptors.
			poller := strings.Contains(r.Err, "fatal error: runtime: netpollinit failed") || strings.Contains(r.Err, "fatal error: runtime: eventfd failed")
			if r.Out != "" || !poller && (r.Status != 125 || !strings.Contains(r.Err, "jailed-claude: ") || strings.Contains(r.Err, "goroutine")) {
				t.Errorf("%d more descriptors after %s: %s", more, p, r)
			}
			if got := filesLeft(w); !slices.Equal(got, files) {
				t.Errorf("%d more descriptors after %s: the caller's folders hold %q, before %q", more, p, got, files)
			}
		}
	}
	w.SameTrace(before)
	if after := w.Status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
	world.Counted(t, "%d starts, %d of them with too few descriptors left", n, failed)
}
