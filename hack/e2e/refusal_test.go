package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// withoutNamespaces is the part "no-ns": a host on which nobody can make a user
// namespace. It runs its arguments there.
//
// Preconditions: in a new user namespace, with CAP_SYS_RESOURCE ambient.
func withoutNamespaces(args []string) int {
	err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0)
	if err == nil {
		err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	if err == nil {
		_ = os.Unsetenv(partEnv)
		err = syscall.Exec(args[0], args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// privileged runs a part outside of any jail as the same user, in a user
// namespace of its own, with one capability there.
func (w *world) privileged(part string, capability uintptr, flags uintptr, args []string) *exec.Cmd {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Dir, c.Env = w.project, append(w.environ(), partEnv+"="+part)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | flags,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
		AmbientCaps: []uintptr{capability},
	}
	return c
}

func TestWithoutUserNamespaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.privileged("no-ns", unix.CAP_SYS_RESOURCE, 0, w.base("true").Args)
	r := finish(t, c)
	if r.status != 125 || !strings.Contains(r.err, "user namespace") || !strings.Contains(r.err, "user.max_user_namespaces") {
		t.Errorf("want 125, and the setting to blame: %s", r)
	}
}

// refusal is a start that is refused, with what it must say.
type refusal struct {
	name string
	// dir to start in, if not the project.
	dir    string
	args   []string
	status int
	say    []string
}

func (w *world) refused(cases []refusal) {
	w.t.Helper()
	for _, c := range cases {
		cmd := w.command(c.args...)
		if c.dir != "" {
			cmd.Dir = c.dir
		}
		r := finish(w.t, cmd)
		if r.status != c.status {
			w.t.Errorf("%s: want exit status %d: %s", c.name, c.status, r)
		}
		for _, say := range c.say {
			if !strings.Contains(r.err, say) {
				w.t.Errorf("%s: does not say %q: %s", c.name, say, r)
			}
		}
		if r.out != "" || strings.Contains(r.err, "panic") {
			w.t.Errorf("%s: %s", c.name, r)
		}
	}
}

func TestRefusedProjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := requireVariable(t, "BASE_CLOSURE")
	w.mkdir(w.home+"/.config/jailed-claude", 0o700)
	if err := os.Symlink(w.home, w.dir+"/link"); err != nil {
		t.Fatal(err)
	}
	start := func(args ...string) []string {
		return append(append([]string{"shell", "--closure", base}, args...), "--", "echo", "started")
	}
	w.refused([]refusal{
		{"root", "/", start(), 125, []string{`project "/" is the root directory`, "hint: "}},
		{"root by flag", "", start("--project", "/"), 125, []string{"is the root directory"}},
		{"home", w.home, start(), 125, []string{"is your home directory", "hint: "}},
		{"home by a symlink", w.dir + "/link", start(), 125, []string{"is your home directory"}},
		{"home by ..", "", start("--project", ".."), 125, []string{"is your home directory"}},
		{"parent of the home", w.dir, start(), 125, []string{"contains your home directory", "hint: "}},
		{"own configuration", w.home + "/.config/jailed-claude", start(), 125, []string{"jailed-claude's own folder"}},
		{"above own configuration", w.home + "/.config", start(), 125, []string{"jailed-claude's own folder"}},
		{"keys", w.home + "/.ssh", start(), 125, []string{"SSH keys"}},
		{"system", "/etc", start(), 125, []string{"belongs to the system's configuration"}},
		{"missing", "", start("--project", w.dir+"/nosuch"), 125, []string{"does not exist", "hint: "}},
		{"a file", "", start("--project", "README"), 125, []string{"is not a folder"}},
	})
}

func TestRefusedGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(w.dir+"/real/file", "")
	for link, target := range map[string]string{w.dir + "/link": w.dir + "/real", w.dir + "/real/out": w.home + "/.ssh"} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	base := requireVariable(t, "BASE_CLOSURE")
	start := func(args ...string) []string {
		return append(append([]string{"shell", "--closure", base}, args...), "--", "echo", "started")
	}
	var cases []refusal
	for _, flag := range []string{"--read", "--write"} {
		for grant, say := range map[string]string{
			"relative/path":                        `"relative/path" is relative`,
			"../other":                             `is relative`,
			w.dir + "/real/../home/.ssh":           `has a ".." in it`,
			"~/../x":                               `has a ".." in it`,
			w.dir + "/link":                        "symlink",
			w.dir + "/link/file":                   "symlink",
			w.dir + "/real/out/id_rsa":             "symlink",
			w.dir + "/nosuch":                      "does not exist",
			"~":                                    "whole home",
			w.home:                                 "home",
			w.dir:                                  "home",
			"/":                                    "whole host",
			"/proc":                                "/proc",
			"/sys/fs":                              "/sys",
			"/dev/mem":                             "/dev",
			"/nix/store/x":                         "store path",
			w.home + "/.config/jailed-claude":      "",
			w.home + "/.local/state/jailed-claude": "",
			"~root/x":                              "",
			"$HOME/x":                              "",
			"":                                     "",
			"/tmp/a\nb":                            "",
		} {
			cases = append(cases, refusal{flag + " " + grant, "", start(flag, grant), 125, []string{"jailed-claude: ", say}})
		}
	}
	w.mkdir(w.home+"/.config/jailed-claude", 0o700)
	w.mkdir(w.home+"/.local/state/jailed-claude", 0o700)
	w.refused(cases)
}

func TestRefusedPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := requireVariable(t, "BASE_CLOSURE")
	file := w.dir + "/policy.toml"
	for _, c := range []struct {
		name, text string
		say        []string
	}{
		{"unknown key", "version = 1\n\n[files]\nreed = [\"/x\"]\n", []string{file + ":4", "files.reed", "files.read"}},
		{"unknown table", "version = 1\n[file]\nread = []\n", []string{file + ":2", "file", "files"}},
		{"unknown value", "version = 1\n[network]\nmode = \"hots\"\n", []string{file + ":3", "hots"}},
		{"syntax", "version = 1\n[files\n", []string{file + ":2"}},
		{"version", "version = 99\n", []string{file + ":1", "version"}},
		{"relative grant", "version = 1\n[files]\nread = [\n  \"x\",\n]\n", []string{file + ":", "relative"}},
		{"type", "version = 1\n[limits]\npids = \"many\"\n", []string{file + ":3", "pids"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.write(file, c.text)
			r := finish(t, w.command("shell", "--closure", base, "--policy", file, "--", "echo", "started"))
			if r.status != 125 || r.out != "" {
				t.Errorf("want 125: %s", r)
			}
			for _, say := range c.say {
				if !strings.Contains(r.err, say) {
					t.Errorf("does not say %q: %s", say, r)
				}
			}
		})
	}
	w.refused([]refusal{{"no such policy", "", []string{"shell", "--closure", base, "--policy", w.dir + "/nosuch", "--", "true"}, 125, []string{"nosuch"}}})
	// The user's own policy is read as strictly.
	user := w.write(w.home+"/.config/jailed-claude/config.toml", "version = 1\n[agent]\nconfg = \"private\"\n")
	w.refused([]refusal{{"the user's", "", []string{"shell", "--closure", base, "--", "true"}, 125, []string{user + ":3", "agent.confg", "agent.config"}}})
}

// TestProjectPolicyNeedsApproval: a policy that comes with a project cannot
// widen the jail by itself.
func TestProjectPolicyNeedsApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := requireVariable(t, "BASE_CLOSURE")
	w.write(w.dir+"/other/file", "granted\n")
	w.write(".jailed-claude.toml", "version = 1\n[files]\nread = [\""+w.dir+"/other\"]\n")
	w.commitAll()
	start := func(args ...string) []string {
		return append(append([]string{"shell", "--closure", base, "--net", "none"}, args...), "--", "cat", w.dir+"/other/file")
	}
	w.refused([]refusal{{"unapproved", "", start(), 125, []string{filepath.Join(w.project, ".jailed-claude.toml"), "approved", "hint: "}}})
	if r := w.run(start("--policy", ".jailed-claude.toml")...); r.status != 0 || r.out != "granted\n" {
		t.Errorf("named by the user: %s", r)
	}
	if r := w.run(start("--policy", "none")...); r.status != 1 || r.out != "" {
		t.Errorf("left out: %s", r)
	}
}

func TestRefusedClosures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := requireVariable(t, "BASE_CLOSURE")
	missing := "/nix/store/00000000000000000000000000000000-nosuch"
	w.write(w.dir+"/missing", strings.Join(closure(t, "BASE"), "\n")+"\n"+missing+"\n")
	w.write(w.dir+"/escape", "/nix/store/../../etc\n")
	w.write(w.dir+"/outside", "/etc\n")
	w.write(w.dir+"/empty", "")
	start := func(file string, args ...string) []string {
		return append(append([]string{"shell", "--closure", file}, args...), "--", "true")
	}
	w.refused([]refusal{
		{"missing path", "", start(w.dir + "/missing"), 125, []string{missing}},
		{"path with ..", "", start(w.dir + "/escape"), 125, []string{"/nix/store/../../etc"}},
		{"not in the store", "", start(w.dir + "/outside"), 125, []string{"/etc"}},
		{"empty", "", start(w.dir + "/empty"), 125, []string{w.dir + "/empty"}},
		{"no such file", "", start(w.dir + "/nosuch"), 125, []string{w.dir + "/nosuch"}},
		{"missing package", "", []string{"run", "--package", missing}, 125, []string{missing}},
		{"no agent in the closure", "", []string{"run", "--closure", base}, 127, []string{"hint: "}},
	})
}

func TestNoClaudeIs127(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.env["PATH"] = "/usr/bin:/bin"
	for _, dir := range []string{"/usr/bin", "/bin"} {
		if _, err := os.Stat(dir + "/claude"); err == nil {
			cannot(t, "%s/claude is installed", dir)
		}
	}
	w.refused([]refusal{{"no claude", "", []string{"run"}, 127, []string{`no program "claude" on PATH`, "hint: ", "npm install -g @anthropic-ai/claude-code"}}})
}
