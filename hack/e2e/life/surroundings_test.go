package life

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestOddSurroundings: what a caller's folders and variables can be like, and
// whether a jail starts there; if not, what has to be said.
func TestOddSurroundings(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Dir+"/file", "")
	w.Mkdir(w.Dir+"/empty", 0o700)
	w.Mkdir(w.Home+"/elsewhere", 0o700)
	// Where there is no home, these must not be taken for the user's own.
	w.Write("config.toml", "version = 1\n[files]\nread = [\"/nosuch\"]\n")
	w.Write("jailed-claude/config.toml", "version = 1\n[files]\nread = [\"/nosuch\"]\n")
	w.Write(".config/jailed-claude/config.toml", "version = 1\n[files]\nread = [\"/nosuch\"]\n")
	w.Write("config/jailed-claude/config.toml", "version = 1\n[files]\nread = [\"/nosuch\"]\n")
	if r := world.Finish(t, w.NetShell("true")); r.Status != 0 {
		t.Fatal(r)
	}
	for _, c := range []struct {
		name string
		env  map[string]string // "-" unsets
		dir  string
		// mounted is a folder with other flags.
		mounted string
		flags   int
		// say is what a refusal says; empty: the jail starts.
		say string
	}{
		{name: "no runtime folder", env: map[string]string{"XDG_RUNTIME_DIR": "-"}},
		{name: "runtime folder does not exist", env: map[string]string{"XDG_RUNTIME_DIR": w.Dir + "/nosuch"}},
		{name: "runtime folder of root", env: map[string]string{"XDG_RUNTIME_DIR": "/root"}},
		{name: "runtime folder is a file", env: map[string]string{"XDG_RUNTIME_DIR": w.Dir + "/file"}},
		{name: "runtime folder relative", env: map[string]string{"XDG_RUNTIME_DIR": "run"}},
		{name: "runtime folder noexec", mounted: w.Dir + "/run", flags: unix.MS_NOEXEC | unix.MS_NOSUID | unix.MS_NODEV},
		{name: "no temporary folder", env: map[string]string{"TMPDIR": w.Dir + "/nosuch"}},
		{name: "relative state", env: map[string]string{"XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config"}},
		{name: "home read-only", mounted: w.Home, flags: unix.MS_RDONLY, say: "XDG_STATE_HOME"},
		{name: "home read-only, state elsewhere", mounted: w.Home, flags: unix.MS_RDONLY, env: map[string]string{"XDG_STATE_HOME": w.Dir + "/empty"}},
		{name: "home noexec", mounted: w.Home, flags: unix.MS_NOEXEC | unix.MS_NOSUID | unix.MS_NODEV},
		{name: "cache read-only", mounted: w.Home + "/elsewhere", flags: unix.MS_RDONLY, env: map[string]string{"XDG_CACHE_HOME": w.Home + "/elsewhere"}},
		{name: "state is a file", env: map[string]string{"XDG_STATE_HOME": w.Dir + "/file"}, say: "XDG_STATE_HOME"},
		{name: "home does not exist", env: map[string]string{"HOME": w.Dir + "/nosuch"}},
		{name: "home relative", env: map[string]string{"HOME": "home"}, say: "HOME"},
		{name: "home unset", env: map[string]string{"HOME": "-"}},
		{name: "home empty", env: map[string]string{"HOME": ""}},
		{name: "nothing set", env: map[string]string{"HOME": "-", "USER": "-", "PATH": "-", "LANG": "-", "TERM": "-", "XDG_RUNTIME_DIR": "-", "TMPDIR": "-", "GIT_CONFIG_NOSYSTEM": "-"}},
	} {
		status, saved := w.Status(), w.Env
		w.Env = map[string]string{}
		maps.Copy(w.Env, saved)
		for k, v := range c.env {
			if w.Env[k] = v; v == "-" {
				delete(w.Env, k)
			}
		}
		cmd := w.NetShell("echo started; echo x >$HOME/x && cat $HOME/x")
		if c.mounted != "" {
			cmd = w.Privileged("mounted", unix.CAP_SYS_ADMIN, unix.CLONE_NEWNS, slices.Concat([]string{c.mounted, strconv.Itoa(c.flags)}, cmd.Args))
		}
		r := world.Finish(t, cmd)
		w.Env = saved
		switch {
		case strings.Contains(r.Err, "goroutine") || strings.Contains(r.Out+r.Err, world.Planted):
			t.Errorf("%s: %s", c.name, r)
		case c.say == "" && r.Status == 0 && r.Out == "started\nx\n":
		case c.say == "" || r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, c.say):
			t.Errorf("%s: want %q: %s", c.name, c.say, r)
		}
		if after := w.Status(); after != status {
			t.Errorf("%s: the project changed:\n%s\nbefore:\n%s", c.name, after, status)
		}
	}
}

// TestOddClock: what lies in the caller's folders may be of any time, also of
// one that is still to come: a clock that was set back makes it so.
func TestOddClock(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(".jailed-claude.toml", "version = 1\n[files]\nread = [\"/usr/share\"]\n")
	if r := world.Finish(t, w.Command("trust", "--yes")); r.Status != 0 {
		t.Fatal(r)
	}
	for _, at := range []time.Time{time.Unix(0, 0), time.Now().AddDate(50, 0, 0), time.Unix(1<<32, 0)} {
		for range 2 {
			if r := world.Finish(t, w.NetShell("echo started")); r.Status != 0 || r.Out != "started\n" || r.Err != "" {
				t.Errorf("%s: %s", at, r)
			}
			for _, p := range filesLeft(w) {
				_ = os.Chtimes(p, at, at)
			}
			logs, _ := filepath.Glob(w.Home + "/.local/state/jailed-claude/log/*")
			for _, p := range logs {
				_ = os.Chtimes(p, at, at)
				text := w.Read(p)
				i := strings.Index(text, `"time":"`) + len(`"time":"`)
				w.Write(p, text[:i]+at.UTC().Format("2006")+text[i+4:])
			}
		}
		if r := world.Finish(t, w.Command("log", "--list")); r.Status != 0 && !strings.Contains(r.Err, "unknown flag") {
			t.Errorf("%s: %s", at, r)
		}
		if r := world.Finish(t, w.Command("log")); r.Status != 0 {
			t.Errorf("%s: %s", at, r)
		}
	}
}

// TestOddProject: one that cannot be read, or is gone before the start.
func TestOddProject(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	other := w.Home + "/other"
	start := func(before string) world.Result {
		w.Mkdir(other, 0o755)
		defer func() { _ = os.Chmod(other, 0o755); _ = os.RemoveAll(other) }()
		c := w.NetShell("echo started; ls -A; touch x && echo written")
		c.Args = slices.Concat([]string{"bash", "-c", before + `; "$@"`, "bash"}, c.Args)
		c.Path, c.Dir = world.RequireTool(t, "bash"), other
		return world.Finish(t, c)
	}
	for _, c := range []struct {
		name, before, say string
		// root can do what others cannot.
		root bool
	}{
		{name: "gone", before: "rmdir ../other", say: "the working directory is no longer there"},
		{name: "gone, another in its place", before: "rmdir ../other; mkdir ../other", say: "the working directory is no longer there", root: true},
		{name: "not readable", before: "chmod 0311 .", say: "cannot be read", root: true},
		{name: "not searchable", before: "chmod 0644 .", say: "permission denied", root: true},
		{name: "nothing", before: "chmod 0 .", say: "permission denied", root: true},
		{name: "not writable", before: "chmod 0555 .", root: true},
	} {
		r := start(c.before)
		switch {
		case strings.Contains(r.Err, "goroutine"):
			t.Errorf("%s: %s", c.name, r)
		case r.Status == 125 && r.Out == "" && strings.Contains(r.Err, "jailed-claude: "):
			if c.say == "" || !strings.Contains(strings.ToLower(r.Err), c.say) {
				t.Errorf("%s: %s", c.name, r)
			}
		case c.say != "" && (!c.root || os.Getuid() != 0) && c.name != "gone, another in its place":
			t.Errorf("%s: %s", c.name, r)
		case !strings.HasPrefix(r.Out, "started\n"):
			t.Errorf("%s: %s", c.name, r)
		}
	}
}

// TestProjectTurns: at every stage of a start somebody takes the project away,
// or puts a symlink in its place. What the jail then has is the project or
// nothing.
func TestProjectTurns(t *testing.T) {
	w := world.New(t)
	withFaults(w)
	start := func() *exec.Cmd {
		return w.NetShell("echo started; cat id_rsa 2>/dev/null; echo x >turned; exit 0", "--net=none")
	}
	_, _, before := settled(w, start)
	_ = os.Remove(w.Project + "/turned")
	status := w.Status()
	away := w.Home + "/away"
	n, works := 0, 0
	for _, p := range fault.Start[:slices.Index(fault.Start, fault.Ended)] {
		if p == fault.Waiting && world.Without("split") {
			continue // nobody waits in a start that is one process
		}
		for _, turn := range []string{"gone", "symlink", "other"} {
			n++
			c := start()
			c.Env = append(c.Env, fault.Variable+"="+string(p)+":"+fault.Stop)
			var out, errs strings.Builder
			c.Stdout, c.Stderr = &out, &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			pid := waitAnyStopped(w, c.Process.Pid)
			err := os.Rename(w.Project, away)
			switch turn {
			case "symlink":
				err = os.Symlink(w.Home+"/.ssh", w.Project)
			case "other":
				err = os.Mkdir(w.Project, 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = unix.Kill(pid, unix.SIGCONT)
			_ = c.Wait()
			r := world.Result{Status: world.StatusOf(c.ProcessState), Out: out.String(), Err: errs.String()}
			if err := os.RemoveAll(w.Project); err != nil { // of a symlink the symlink alone
				t.Fatal(err)
			}
			if err := os.Rename(away, w.Project); err != nil {
				t.Fatal(err)
			}
			_ = os.Remove(w.Project + "/turned")
			switch {
			case strings.Contains(r.Out+r.Err, world.Planted), strings.Contains(r.Err, "goroutine"):
				t.Errorf("%s at %s: %s", turn, p, r)
			case r.Status == 0 && r.Out == "started\n":
				works++
			case r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, "jailed-claude: "):
				t.Errorf("%s at %s: %s", turn, p, r)
			}
		}
	}
	secrets, err := os.ReadDir(w.Home + "/.ssh")
	if err != nil || len(secrets) != 1 {
		t.Errorf("~/.ssh holds %v (%v)", secrets, err)
	}
	w.SameTrace(before)
	if after := w.Status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
	world.Counted(t, "%d turns of the project at %d points: %d jails had the project, the others were refused", n, n/3, works)
}

// waitAnyStopped waits until a process or a child of it is stopped, and says
// which.
func waitAnyStopped(w *world.World, pid int) int {
	w.T.Helper()
	for end := time.Now().Add(world.Deadline); time.Now().Before(end); time.Sleep(time.Millisecond) {
		pids := []string{strconv.Itoa(pid)}
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, list := range lists {
			text, _ := os.ReadFile(list)
			pids = append(pids, strings.Fields(string(text))...)
		}
		for _, p := range pids {
			text, err := os.ReadFile("/proc/" + p + "/stat")
			if err != nil {
				continue
			}
			if f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])); f[0] == "T" {
				n, _ := strconv.Atoi(p)
				return n
			}
		}
	}
	w.T.Fatalf("neither process %d nor a child of it stops", pid)
	return 0
}

// TestGrantTurns: between plan and mount, somebody puts a symlink in the place
// of a granted folder, or of one above it. A symlink is refused wherever it
// leads: no other check looks at what a grant is.
func TestGrantTurns(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	withFaults(w)
	granted := filepath.Join(w.Dir, "granted/inner")
	w.Write(filepath.Join(granted, "file"), "granted\n")
	w.Write(filepath.Join(w.Dir, "evil/inner/file"), world.Planted+"\n")
	start := func() *exec.Cmd {
		return w.NetShell("cat "+granted+"/file", "--net=none", "--read", granted)
	}
	if r := world.Finish(t, start()); r.Status != 0 || r.Out != "granted\n" {
		t.Fatal(r)
	}
	for _, p := range []fault.Point{fault.Built, fault.HandOver, fault.UserNS} {
		for _, turned := range []string{granted, filepath.Dir(granted)} {
			c := start()
			c.Env = append(c.Env, fault.Variable+"="+string(p)+":"+fault.Stop)
			var out, errs strings.Builder
			c.Stdout, c.Stderr = &out, &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			pid := waitAnyStopped(w, c.Process.Pid)
			to := filepath.Join(w.Dir, "evil", strings.TrimPrefix(turned, filepath.Dir(granted)))
			if err := errors.Join(os.Rename(turned, w.Dir+"/away"), os.Symlink(to, turned), unix.Kill(pid, unix.SIGCONT)); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			r := world.Result{Status: world.StatusOf(c.ProcessState), Out: out.String(), Err: errs.String()}
			if err := errors.Join(os.Remove(turned), os.Rename(w.Dir+"/away", turned)); err != nil {
				t.Fatal(err)
			}
			if r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, "became a symlink after the jail was planned") {
				t.Errorf("%s at %s: %s", turned, p, r)
			}
		}
	}
}
