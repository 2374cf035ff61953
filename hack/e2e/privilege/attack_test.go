package privilege

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func attempts(t *testing.T, r world.Result) []attempt {
	t.Helper()
	var all []attempt
	if err := json.Unmarshal([]byte(r.Out), &all); err != nil {
		t.Fatalf("the attacker did not report: %v\n%s", err, r)
	}
	return all
}

func testAttack(t *testing.T, flags ...string) {
	w := world.New(t)
	all := attempts(t, world.Finish(t, w.Part("attack", flags...)))
	if len(all) < 100 {
		t.Errorf("only %d attempts were made", len(all))
	}
	for _, a := range all {
		switch {
		case a.Result == "ok":
			t.Errorf("got through: %s", a.Name)
		case strings.HasPrefix(a.Name, "clone3") && a.Result != "ENOSYS":
			// Libraries fall back to clone only then.
			t.Errorf("%s: %s, want ENOSYS", a.Name, a.Result)
		case slices.Contains([]string{"EFAULT", "EBADF"}, a.Result):
			t.Errorf("%s: %s: it came as far as the kernel's own checks", a.Name, a.Result)
		}
	}
}

func TestKernelAttacks(t *testing.T) {
	t.Parallel()
	testAttack(t)
}

func TestKernelAttacksAsIdentityRoot(t *testing.T) {
	t.Parallel()
	testAttack(t, "--user", "root")
}

func TestPID1CannotBeSignalled(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	out := w.Must(`trap '' TERM HUP INT SEGV USR1 TSTP ABRT # PID 1 passes them on
		for s in KILL STOP TERM HUP INT SEGV USR1 TSTP ABRT; do kill -$s 1 2>/dev/null; done
		sleep 0.2; kill -STOP 1; grep ^State /proc/1/status; echo alive`)
	got := world.Lines(out)
	if len(got) < 2 || !strings.Contains(got[0], "S (sleeping)") || got[1] != "alive" {
		t.Errorf("PID 1 was hurt: %q", got)
	}
}

func TestHostProcessesAreInvisible(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	out := w.Must(`ps -e -o args=; ls -d /proc/[0-9]*; kill -0 ` + world.Itoa(os.Getpid()) + ` && echo reachable; true`)
	for _, l := range world.Lines(out) {
		if l == "reachable" || strings.Contains(l, filepath.Base(os.Args[0])) || strings.Contains(l, "_JAILED") {
			t.Errorf("a process of the host is visible: %q", l)
		}
	}
	if n := strings.Count(out, "/proc/"); n > 6 {
		t.Errorf("%d processes in a jail with three:\n%s", n, out)
	}
}

// TestDescriptorsStayOutside: the caller leaks folders and files; none of them
// crosses (CVE-2024-21626 was one that did).
func TestDescriptorsStayOutside(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	c := w.BashCommand(`ls /proc/$$/fd; for i in 3 4 5 6 7 8 9; do ls /proc/self/fd/$i/ /proc/$$/fd/$i/; cat <&$i; done 2>/dev/null; true`)
	for _, name := range []string{w.Home + "/.ssh", w.Home + "/.ssh/id_rsa", "/", w.Home, w.Home + "/.ssh/id_rsa"} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c.ExtraFiles = append(c.ExtraFiles, f)
	}
	r := world.Finish(t, c)
	got := world.Lines(r.Out)
	// What ls itself opens is its own; bash holds the three.
	if !slices.Equal(got[:min(3, len(got))], []string{"0", "1", "2"}) || strings.Contains(r.Out, world.Planted) || strings.Contains(r.Out, "id_rsa") {
		t.Errorf("descriptors inside: %s", r)
	}
	for _, l := range got {
		if len(l) == 1 && l > "2" {
			t.Errorf("descriptor %s is open in the agent: %s", l, r)
		}
	}
}

func TestEnvironmentIsAnAllowList(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, name := range []string{
		"ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY",
		"WAYLAND_DISPLAY", "XAUTHORITY", "TMUX", "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "PROMPT_COMMAND", "GIT_SSH_COMMAND", "NODE_OPTIONS",
		"PYTHONPATH", "LISTEN_FDS", "LISTEN_PID", "_LIBCONTAINER_X", "GODEBUG", "GOCOVERDIR", "CLAUDE_CODE_OAUTH_TOKEN", "SOMETHING",
	} {
		w.Env[name] = world.Planted
	}
	// Those two would be taken seriously by jailed-claude or its loader.
	delete(w.Env, "GODEBUG")
	w.Env["LC_ALL"], w.Env["COLORTERM"], w.Env["NO_COLOR"], w.Env["EDITOR"], w.Env["TZ"] = "C.UTF-8", "truecolor", "1", "vi", "UTC"
	w.Env["PASSED"] = "by name"
	var got []string
	r := w.Bash("env", "--env", "PASSED", "--env", "SET=a=b", "--env", "ABSENT")
	for _, l := range world.Lines(r.Out) {
		name, _, _ := strings.Cut(l, "=")
		got = append(got, name)
	}
	slices.Sort(got)
	allowed := []string{
		"CLAUDE_CONFIG_DIR", "COLORTERM", "DISABLE_AUTOUPDATER", "DISABLE_INSTALLATION_CHECKS", "EDITOR", "HOME", "IS_SANDBOX", "LANG", "LC_ALL",
		"LOGNAME", "NIX_SSL_CERT_FILE", "NO_COLOR", "PASSED", "PATH", "PWD", "SET", "SHELL", "SHLVL", "SSL_CERT_FILE", "TERM", "TMPDIR", "TZ", "USER", "XDG_RUNTIME_DIR", "_",
		// A broker's, with a placeholder, and what keeps the agent quiet.
		"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ENABLE_TOOL_SEARCH", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_ERROR_REPORTING", "DISABLE_TELEMETRY",
		"CLAUDE_CODE_OAUTH_TOKEN",
		// The jail's own authority, which a broker needs.
		"AWS_CA_BUNDLE", "CARGO_HTTP_CAINFO", "CODEX_CA_CERTIFICATE", "CURL_CA_BUNDLE", "DENO_CERT", "DENO_TLS_CA_STORE", "GIT_SSL_CAINFO",
		"NODE_EXTRA_CA_CERTS", "PIP_CERT", "REQUESTS_CA_BUNDLE",
		// Where caches of this project are, and that this is a jail.
		"BUN_INSTALL_CACHE_DIR", "GOMODCACHE", "GRADLE_USER_HOME", "JAILED_CLAUDE", "MAVEN_OPTS", "npm_config_cache", "npm_config_globalconfig", "npm_config_prefix",
	}
	for _, name := range got {
		if !slices.Contains(allowed, name) {
			t.Errorf("%s crossed", name)
		}
	}
	for _, name := range []string{"LC_ALL", "COLORTERM", "EDITOR", "TZ", "TERM", "LANG", "PASSED", "SET"} {
		if !slices.Contains(got, name) {
			t.Errorf("%s did not cross: %s", name, r)
		}
	}
	if strings.Contains(r.Out+r.Err, world.Planted) || !strings.Contains(r.Out, "SET=a=b\n") {
		t.Errorf("%s", r)
	}
}

// TestTheCallersTerminalStaysOutside starts a jail with every choice of
// standard descriptors on a terminal. No descriptor inside is that terminal,
// and nothing can be typed into it (CVE-2017-5226).
func TestTheCallersTerminalStaysOutside(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for mask := range 8 {
		p := world.NewPTY(t)
		c := w.Part("terminal")
		p.Attach(c)
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.OpenFile(filepath.Join(w.Dir, "out"), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		c.Stdin, c.Stdout, c.Stderr = null, out, out
		if mask&1 != 0 {
			c.Stdin = p.Slave
		}
		if mask&2 != 0 {
			c.Stdout = p.Slave
		}
		if mask&4 != 0 {
			c.Stderr = p.Slave
		}
		if err := c.Run(); err != nil {
			t.Errorf("terminals %03b: %v\n%s%s", mask, err, w.Read(out.Name()), p.Shown())
			continue
		}
		text := w.Read("facts")
		var f terminalFacts
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		if len(f.Fds) != 3 {
			t.Errorf("terminals %03b: descriptors %v, want 0, 1 and 2", mask, f.Fds)
		}
		theirs, err := idOf(int(p.Slave.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		for fd, id := range f.Fds {
			if id.Dev == theirs.Dev && id.Ino == theirs.Ino {
				t.Errorf("terminals %03b: descriptor %d is the caller's terminal", mask, fd)
			}
		}
		if (f.Tty != nil) != (mask != 0) && f.Tty != nil && mask == 0 {
			t.Errorf("a jail without a terminal has a /dev/tty: %v", f.Tty)
		}
		time.Sleep(20 * time.Millisecond)
		if n := p.Pending(); n != 0 {
			t.Errorf("terminals %03b: %d bytes were typed into the caller's terminal", mask, n)
		}
		if err := os.Remove(filepath.Join(w.Project, "facts")); err != nil {
			t.Fatal(err)
		}
		_, _ = null.Close(), out.Close()
	}
}
