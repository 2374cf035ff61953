package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
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
		_ = os.Unsetenv(world.PartEnv)
		err = syscall.Exec(args[0], args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func TestWithoutUserNamespaces(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	c := w.Privileged("no-ns", unix.CAP_SYS_RESOURCE, 0, w.Base("true").Args)
	r := world.Finish(t, c)
	if r.Status != 125 || !strings.Contains(r.Err, "user namespace") || !strings.Contains(r.Err, "user.max_user_namespaces") {
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

func refused(w *world.World, cases []refusal) {
	w.T.Helper()
	for _, c := range cases {
		cmd := w.Command(c.args...)
		if c.dir != "" {
			cmd.Dir = c.dir
		}
		r := world.Finish(w.T, cmd)
		if r.Status != c.status {
			w.T.Errorf("%s: want exit status %d: %s", c.name, c.status, r)
		}
		for _, say := range c.say {
			if !strings.Contains(r.Err, say) {
				w.T.Errorf("%s: does not say %q: %s", c.name, say, r)
			}
		}
		if r.Out != "" || strings.Contains(r.Err, "panic") {
			w.T.Errorf("%s: %s", c.name, r)
		}
	}
}

func TestRefusedProjects(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	base := world.RequireVariable(t, "BASE_CLOSURE")
	w.Mkdir(w.Home+"/.config/jailed-claude", 0o700)
	if err := os.Symlink(w.Home, w.Dir+"/link"); err != nil {
		t.Fatal(err)
	}
	start := func(args ...string) []string {
		return append(append([]string{"shell", "--closure", base}, args...), "--", "echo", "started")
	}
	refused(w, []refusal{
		{"root", "/", start(), 125, []string{`project "/" is the root directory`, "hint: "}},
		{"root by flag", "", start("--project", "/"), 125, []string{"is the root directory"}},
		{"home", w.Home, start(), 125, []string{"is your home directory", "hint: "}},
		{"home by a symlink", w.Dir + "/link", start(), 125, []string{"is your home directory"}},
		{"home by ..", "", start("--project", ".."), 125, []string{"is your home directory"}},
		{"parent of the home", w.Dir, start(), 125, []string{"contains your home directory", "hint: "}},
		{"own configuration", w.Home + "/.config/jailed-claude", start(), 125, []string{"jailed-claude's own folder"}},
		{"above own configuration", w.Home + "/.config", start(), 125, []string{"jailed-claude's own folder"}},
		{"keys", w.Home + "/.ssh", start(), 125, []string{"SSH keys"}},
		{"system", "/etc", start(), 125, []string{"belongs to the system's configuration"}},
		{"missing", "", start("--project", w.Dir+"/nosuch"), 125, []string{"does not exist", "hint: "}},
		{"a file", "", start("--project", "README"), 125, []string{"is not a folder"}},
	})
}

func TestRefusedGrants(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(w.Dir+"/real/file", "")
	for link, target := range map[string]string{w.Dir + "/link": w.Dir + "/real", w.Dir + "/real/out": w.Home + "/.ssh"} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	base := world.RequireVariable(t, "BASE_CLOSURE")
	start := func(args ...string) []string {
		return append(append([]string{"shell", "--closure", base}, args...), "--", "echo", "started")
	}
	var cases []refusal
	for _, flag := range []string{"--read", "--write"} {
		for grant, say := range map[string]string{
			"relative/path":                        `"relative/path" is relative`,
			"../other":                             `is relative`,
			w.Dir + "/real/../home/.ssh":           `has a ".." in it`,
			"~/../x":                               `has a ".." in it`,
			w.Dir + "/link":                        "symlink",
			w.Dir + "/link/file":                   "symlink",
			w.Dir + "/real/out/id_rsa":             "symlink",
			w.Dir + "/nosuch":                      "does not exist",
			"~":                                    "whole home",
			w.Home:                                 "home",
			w.Dir:                                  "home",
			"/":                                    "whole host",
			"/proc":                                "/proc",
			"/sys/fs":                              "/sys",
			"/dev/mem":                             "/dev",
			"/nix/store/x":                         "store path",
			w.Home + "/.config/jailed-claude":      "",
			w.Home + "/.local/state/jailed-claude": "",
			"~root/x":                              "",
			"$HOME/x":                              "",
			"":                                     "",
			"/tmp/a\nb":                            "",
		} {
			cases = append(cases, refusal{flag + " " + grant, "", start(flag, grant), 125, []string{"jailed-claude: ", say}})
		}
	}
	w.Mkdir(w.Home+"/.config/jailed-claude", 0o700)
	w.Mkdir(w.Home+"/.local/state/jailed-claude", 0o700)
	refused(w, cases)
}

func TestRefusedPolicies(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	base := world.RequireVariable(t, "BASE_CLOSURE")
	file := w.Dir + "/policy.toml"
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
			w.Write(file, c.text)
			r := world.Finish(t, w.Command("shell", "--closure", base, "--policy", file, "--", "echo", "started"))
			if r.Status != 125 || r.Out != "" {
				t.Errorf("want 125: %s", r)
			}
			for _, say := range c.say {
				if !strings.Contains(r.Err, say) {
					t.Errorf("does not say %q: %s", say, r)
				}
			}
		})
	}
	refused(w, []refusal{{"no such policy", "", []string{"shell", "--closure", base, "--policy", w.Dir + "/nosuch", "--", "true"}, 125, []string{"nosuch"}}})
	// The user's own policy is read as strictly.
	user := w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n[agent]\nconfg = \"private\"\n")
	refused(w, []refusal{{"the user's", "", []string{"shell", "--closure", base, "--", "true"}, 125, []string{user + ":3", "agent.confg", "agent.config"}}})
}

// TestProjectPolicyNeedsApproval: a policy that comes with a project cannot
// widen the jail by itself.
func TestProjectPolicyNeedsApproval(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	base := world.RequireVariable(t, "BASE_CLOSURE")
	w.Write(w.Dir+"/other/file", "granted\n")
	w.Write(".jailed-claude.toml", "version = 1\n[files]\nread = [\""+w.Dir+"/other\"]\n")
	w.CommitAll()
	start := func(args ...string) []string {
		return append(append([]string{"shell", "--closure", base, "--net", "none"}, args...), "--", "cat", w.Dir+"/other/file")
	}
	refused(w, []refusal{{"unapproved", "", start(), 125, []string{filepath.Join(w.Project, ".jailed-claude.toml"), "approved", "hint: "}}})
	if r := w.Run(start("--policy", ".jailed-claude.toml")...); r.Status != 0 || r.Out != "granted\n" {
		t.Errorf("named by the user: %s", r)
	}
	if r := w.Run(start("--policy", "none")...); r.Status != 1 || r.Out != "" {
		t.Errorf("left out: %s", r)
	}
}

func TestRefusedClosures(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	base := world.RequireVariable(t, "BASE_CLOSURE")
	missing := "/nix/store/00000000000000000000000000000000-nosuch"
	w.Write(w.Dir+"/missing", strings.Join(world.Closure(t, "BASE"), "\n")+"\n"+missing+"\n")
	w.Write(w.Dir+"/escape", "/nix/store/../../etc\n")
	w.Write(w.Dir+"/outside", "/etc\n")
	w.Write(w.Dir+"/empty", "")
	start := func(file string, args ...string) []string {
		return append(append([]string{"shell", "--closure", file}, args...), "--", "true")
	}
	refused(w, []refusal{
		{"missing path", "", start(w.Dir + "/missing"), 125, []string{missing}},
		{"path with ..", "", start(w.Dir + "/escape"), 125, []string{"/nix/store/../../etc"}},
		{"not in the store", "", start(w.Dir + "/outside"), 125, []string{"/etc"}},
		{"empty", "", start(w.Dir + "/empty"), 125, []string{w.Dir + "/empty"}},
		{"no such file", "", start(w.Dir + "/nosuch"), 125, []string{w.Dir + "/nosuch"}},
		{"missing package", "", []string{"run", "--package", missing}, 125, []string{missing}},
		{"no agent in the closure", "", []string{"run", "--closure", base}, 127, []string{"hint: "}},
	})
}

func TestNoClaudeIs127(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Env["PATH"] = "/usr/bin:/bin"
	for _, dir := range []string{"/usr/bin", "/bin"} {
		if _, err := os.Stat(dir + "/claude"); err == nil {
			world.Cannot(t, "%s/claude is installed", dir)
		}
	}
	refused(w, []refusal{{"no claude", "", []string{"run"}, 127, []string{`no program "claude" on PATH`, "hint: ", "npm install -g @anthropic-ai/claude-code"}}})
}
