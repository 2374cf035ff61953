package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
)

// withMount is the part "mounted": it runs a command where a folder is bound on
// itself with other flags.
//
// Arguments: the folder, the flags of mount(2) in decimal, the command.
//
// Preconditions: in new user and mount namespaces, with CAP_SYS_ADMIN ambient.
func withMount(args []string) int {
	flags, err := strconv.Atoi(args[1])
	if err == nil {
		err = unix.Mount(args[0], args[0], "", unix.MS_BIND, "")
	}
	if err == nil {
		err = unix.Mount("", args[0], "", unix.MS_REMOUNT|unix.MS_BIND|uintptr(flags), "")
	}
	if err == nil {
		err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	if err == nil {
		_ = os.Unsetenv(partEnv)
		err = syscall.Exec(args[2], args[2:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// TestOddSurroundings: what a caller's folders and variables can be like, and
// whether a jail starts there; if not, what has to be said.
func TestOddSurroundings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(w.dir+"/file", "")
	w.mkdir(w.dir+"/empty", 0o700)
	w.mkdir(w.home+"/elsewhere", 0o700)
	// Where there is no home, these must not be taken for the user's own.
	w.write("config.toml", "version = 1\n[files]\nread = [\"/nosuch\"]\n")
	w.write("jailed-claude/config.toml", "version = 1\n[files]\nread = [\"/nosuch\"]\n")
	w.write(".config/jailed-claude/config.toml", "version = 1\n[files]\nread = [\"/nosuch\"]\n")
	w.write("config/jailed-claude/config.toml", "version = 1\n[files]\nread = [\"/nosuch\"]\n")
	if r := finish(t, w.netShell("true")); r.status != 0 {
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
		{name: "runtime folder does not exist", env: map[string]string{"XDG_RUNTIME_DIR": w.dir + "/nosuch"}},
		{name: "runtime folder of root", env: map[string]string{"XDG_RUNTIME_DIR": "/root"}},
		{name: "runtime folder is a file", env: map[string]string{"XDG_RUNTIME_DIR": w.dir + "/file"}},
		{name: "runtime folder relative", env: map[string]string{"XDG_RUNTIME_DIR": "run"}},
		{name: "runtime folder noexec", mounted: w.dir + "/run", flags: unix.MS_NOEXEC | unix.MS_NOSUID | unix.MS_NODEV},
		{name: "no temporary folder", env: map[string]string{"TMPDIR": w.dir + "/nosuch"}},
		{name: "relative state", env: map[string]string{"XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config"}},
		{name: "home read-only", mounted: w.home, flags: unix.MS_RDONLY, say: "XDG_STATE_HOME"},
		{name: "home read-only, state elsewhere", mounted: w.home, flags: unix.MS_RDONLY, env: map[string]string{"XDG_STATE_HOME": w.dir + "/empty"}},
		{name: "home noexec", mounted: w.home, flags: unix.MS_NOEXEC | unix.MS_NOSUID | unix.MS_NODEV},
		{name: "cache read-only", mounted: w.home + "/elsewhere", flags: unix.MS_RDONLY, env: map[string]string{"XDG_CACHE_HOME": w.home + "/elsewhere"}},
		{name: "state is a file", env: map[string]string{"XDG_STATE_HOME": w.dir + "/file"}, say: "XDG_STATE_HOME"},
		{name: "home does not exist", env: map[string]string{"HOME": w.dir + "/nosuch"}},
		{name: "home relative", env: map[string]string{"HOME": "home"}, say: "HOME"},
		{name: "home unset", env: map[string]string{"HOME": "-"}},
		{name: "home empty", env: map[string]string{"HOME": ""}},
		{name: "nothing set", env: map[string]string{"HOME": "-", "USER": "-", "PATH": "-", "LANG": "-", "TERM": "-", "XDG_RUNTIME_DIR": "-", "TMPDIR": "-", "GIT_CONFIG_NOSYSTEM": "-"}},
	} {
		status, saved := w.status(), w.env
		w.env = map[string]string{}
		for k, v := range saved {
			w.env[k] = v
		}
		for k, v := range c.env {
			if w.env[k] = v; v == "-" {
				delete(w.env, k)
			}
		}
		cmd := w.netShell("echo started; echo x >$HOME/x && cat $HOME/x")
		if c.mounted != "" {
			cmd = w.privileged("mounted", unix.CAP_SYS_ADMIN, unix.CLONE_NEWNS, slices.Concat([]string{c.mounted, strconv.Itoa(c.flags)}, cmd.Args))
		}
		r := finish(t, cmd)
		w.env = saved
		switch {
		case strings.Contains(r.err, "goroutine") || strings.Contains(r.out+r.err, planted):
			t.Errorf("%s: %s", c.name, r)
		case c.say == "" && r.status == 0 && r.out == "started\nx\n":
		case c.say == "" || r.status != 125 || r.out != "" || !strings.Contains(r.err, c.say):
			t.Errorf("%s: want %q: %s", c.name, c.say, r)
		}
		if after := w.status(); after != status {
			t.Errorf("%s: the project changed:\n%s\nbefore:\n%s", c.name, after, status)
		}
	}
}

// TestOddClock: what lies in the caller's folders may be of any time, also of
// one that is still to come: a clock that was set back makes it so.
func TestOddClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(".jailed-claude.toml", "version = 1\n[files]\nread = [\"/usr/share\"]\n")
	if r := finish(t, w.command("trust", "--yes")); r.status != 0 {
		t.Fatal(r)
	}
	for _, at := range []time.Time{time.Unix(0, 0), time.Now().AddDate(50, 0, 0), time.Unix(1<<32, 0)} {
		for range 2 {
			if r := finish(t, w.netShell("echo started")); r.status != 0 || r.out != "started\n" || r.err != "" {
				t.Errorf("%s: %s", at, r)
			}
			for _, p := range w.files() {
				_ = os.Chtimes(p, at, at)
			}
			logs, _ := filepath.Glob(w.home + "/.local/state/jailed-claude/log/*")
			for _, p := range logs {
				_ = os.Chtimes(p, at, at)
				text := w.read(p)
				i := strings.Index(text, `"time":"`) + len(`"time":"`)
				w.write(p, text[:i]+at.UTC().Format("2006")+text[i+4:])
			}
		}
		if r := finish(t, w.command("log", "--list")); r.status != 0 && !strings.Contains(r.err, "unknown flag") {
			t.Errorf("%s: %s", at, r)
		}
		if r := finish(t, w.command("log")); r.status != 0 {
			t.Errorf("%s: %s", at, r)
		}
	}
}

// TestOddProject: one that cannot be read, or is gone before the start.
func TestOddProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.home + "/other"
	start := func(before string) result {
		w.mkdir(other, 0o755)
		defer func() { _ = os.Chmod(other, 0o755); _ = os.RemoveAll(other) }()
		c := w.netShell("echo started; ls -A; touch x && echo written")
		c.Args = slices.Concat([]string{"bash", "-c", before + `; "$@"`, "bash"}, c.Args)
		c.Path, c.Dir = requireTool(t, "bash"), other
		return finish(t, c)
	}
	for _, c := range []struct {
		name, before, say string
		// root can do what others cannot.
		root bool
	}{
		{name: "gone", before: "rmdir ../other", say: "project"},
		{name: "gone, another in its place", before: "rmdir ../other; mkdir ../other", say: "project", root: true},
		{name: "not readable", before: "chmod 0311 .", say: "cannot be read", root: true},
		{name: "not searchable", before: "chmod 0644 .", say: "permission denied", root: true},
		{name: "nothing", before: "chmod 0 .", say: "permission denied", root: true},
		{name: "not writable", before: "chmod 0555 .", root: true},
	} {
		r := start(c.before)
		switch {
		case strings.Contains(r.err, "goroutine"):
			t.Errorf("%s: %s", c.name, r)
		case r.status == 125 && r.out == "" && strings.Contains(r.err, "jailed-claude: "):
			if c.say == "" || !strings.Contains(r.err, c.say) {
				t.Errorf("%s: %s", c.name, r)
			}
		case c.say != "" && (!c.root || os.Getuid() != 0) && c.name != "gone, another in its place":
			t.Errorf("%s: %s", c.name, r)
		case !strings.HasPrefix(r.out, "started\n"):
			t.Errorf("%s: %s", c.name, r)
		}
	}
}

// TestProjectTurns: at every stage of a start somebody takes the project away,
// or puts a symlink in its place. What the jail then has is the project or
// nothing.
func TestProjectTurns(t *testing.T) {
	w := newWorld(t)
	w.withFaults()
	start := func() *exec.Cmd {
		return w.netShell("echo started; cat id_rsa 2>/dev/null; echo x >turned; exit 0", "--net=none")
	}
	_, _, before := w.settled(start)
	_ = os.Remove(w.project + "/turned")
	status := w.status()
	away := w.home + "/away"
	n, works := 0, 0
	for _, p := range fault.Start[:slices.Index(fault.Start, fault.Ended)] {
		for _, turn := range []string{"gone", "symlink", "other"} {
			n++
			c := start()
			c.Env = append(c.Env, fault.Variable+"="+string(p)+":"+fault.Stop)
			var out, errs strings.Builder
			c.Stdout, c.Stderr = &out, &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			pid := w.waitAnyStopped(c.Process.Pid)
			err := os.Rename(w.project, away)
			switch turn {
			case "symlink":
				err = os.Symlink(w.home+"/.ssh", w.project)
			case "other":
				err = os.Mkdir(w.project, 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = unix.Kill(pid, unix.SIGCONT)
			_ = c.Wait()
			r := result{statusOf(c.ProcessState), out.String(), errs.String()}
			if err := os.RemoveAll(w.project); err != nil { // of a symlink the symlink alone
				t.Fatal(err)
			}
			if err := os.Rename(away, w.project); err != nil {
				t.Fatal(err)
			}
			_ = os.Remove(w.project + "/turned")
			switch {
			case strings.Contains(r.out+r.err, planted), strings.Contains(r.err, "goroutine"):
				t.Errorf("%s at %s: %s", turn, p, r)
			case r.status == 0 && r.out == "started\n":
				works++
			case r.status != 125 || r.out != "" || !strings.Contains(r.err, "jailed-claude: "):
				t.Errorf("%s at %s: %s", turn, p, r)
			}
		}
	}
	secrets, err := os.ReadDir(w.home + "/.ssh")
	if err != nil || len(secrets) != 1 {
		t.Errorf("~/.ssh holds %v (%v)", secrets, err)
	}
	w.sameTrace(before)
	if after := w.status(); after != status {
		t.Errorf("the project changed:\n%s\nbefore:\n%s", after, status)
	}
	counted(t, "%d turns of the project at %d points: %d jails had the project, the others were refused", n, n/3, works)
}

// waitAnyStopped waits until a process or a child of it is stopped, and says
// which.
func (w *world) waitAnyStopped(pid int) int {
	w.t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(time.Millisecond) {
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
	w.t.Fatalf("neither process %d nor a child of it stops", pid)
	return 0
}

// TestGrantTurns: between plan and mount, somebody puts a symlink in the place
// of a granted folder, or of one above it. A symlink is refused wherever it
// leads: no other check looks at what a grant is.
func TestGrantTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withFaults()
	granted := filepath.Join(w.dir, "granted/inner")
	w.write(filepath.Join(granted, "file"), "granted\n")
	w.write(filepath.Join(w.dir, "evil/inner/file"), planted+"\n")
	start := func() *exec.Cmd {
		return w.netShell("cat "+granted+"/file", "--net=none", "--read", granted)
	}
	if r := finish(t, start()); r.status != 0 || r.out != "granted\n" {
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
			pid := w.waitAnyStopped(c.Process.Pid)
			to := filepath.Join(w.dir, "evil", strings.TrimPrefix(turned, filepath.Dir(granted)))
			if err := errors.Join(os.Rename(turned, w.dir+"/away"), os.Symlink(to, turned), unix.Kill(pid, unix.SIGCONT)); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			r := result{statusOf(c.ProcessState), out.String(), errs.String()}
			if err := errors.Join(os.Remove(turned), os.Rename(w.dir+"/away", turned)); err != nil {
				t.Fatal(err)
			}
			if r.status != 125 || r.out != "" || !strings.Contains(r.err, "became a symlink after the jail was planned") {
				t.Errorf("%s at %s: %s", turned, p, r)
			}
		}
	}
}
