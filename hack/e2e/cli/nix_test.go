package cli

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestBakedPolicy: a wrapper's policy applies below the user's own, counts as
// the user's word, and a broken one stops everything.
func TestBakedPolicy(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	baked := w.Write(w.Dir+"/baked.toml", "version = 1\n[files]\nread = [\""+w.Dir+"/shared\"]\nhide = [\"secret\"]\n[env]\nset = { WHO = \"baked\", TEAM = \"baked\" }\n")
	w.Write(w.Dir+"/shared/file", "shared\n")
	w.Write("secret", world.Planted)
	w.Env["JAILED_CLAUDE_POLICY"] = baked
	script := `cat ` + w.Dir + `/shared/file; cat secret 2>&1 | grep -c ` + world.Planted + `; echo "$WHO $TEAM"; env | grep -c JAILED_CLAUDE_`
	if got := w.Bash(script); got.Out != "shared\n0\nbaked baked\n0\n" {
		t.Errorf("the wrapper's policy: %s", got)
	}
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n[env]\nset = { WHO = \"user\" }\n")
	if got := w.Bash(script); got.Out != "shared\n0\nuser baked\n0\n" {
		t.Errorf("the user's policy is not the stronger one: %s", got)
	}
	if r := w.Run("explain", "--closure", world.RequireVariable(t, "BASE_CLOSURE")); !strings.Contains(r.Out, baked) {
		t.Errorf("explain does not name the wrapper's policy: %s", r)
	}

	// A project that asks for what the wrapper grants already asks for
	// nothing.
	w.Write(policyFile, "version = 1\n[files]\nread = [\""+w.Dir+"/shared\"]\n")
	if got := w.Bash("true"); got.Status != 0 {
		t.Errorf("it grants nothing new: %s", got)
	}
	delete(w.Env, "JAILED_CLAUDE_POLICY")
	if got := w.Bash("true"); got.Status != 125 || !strings.Contains(got.Err, "nobody has approved") {
		t.Errorf("without the wrapper it does: %s", got)
	}

	for name, text := range map[string]string{"missing": "", "broken": "version = 1\n[file]\n"} {
		file := filepath.Join(w.Dir, name+".toml")
		if text != "" {
			w.Write(file, text)
		}
		w.Env["JAILED_CLAUDE_POLICY"] = file
		if got := w.Bash("true", "--policy", "none"); got.Status != 125 || !strings.Contains(got.Err, file) || !strings.Contains(got.Err, "JAILED_CLAUDE_POLICY") {
			t.Errorf("a %s policy: %s", name, got)
		}
	}
}

// requireDaemon is a Nix daemon that this user can ask, and a program of Nix in
// the host's toolchain.
func requireDaemon(t *testing.T) {
	t.Helper()
	world.RequireTool(t, "nix-build")
	if c, err := net.Dial("unix", nixSocket); err != nil {
		world.Cannot(t, "there is no Nix daemon: %v", err)
	} else {
		c.Close()
	}
}

const nixSocket = "/nix/var/nix/daemon-socket/socket"

// withNix is a shell in a jail with the host's programs, of which Nix is one.
func withNix(w *world.World, script string, flags ...string) world.Result {
	w.T.Helper()
	args := append([]string{"shell", "--package", "host", "--net", "none"}, flags...)
	return world.Finish(w.T, w.Command(append(args, "--", "bash", "-c", script)...))
}

// TestNixDaemon: with the daemon a jail builds, and sees what was built at
// once; it cannot write to the store, and the socket is all it has of Nix.
func TestNixDaemon(t *testing.T) {
	t.Parallel()
	requireDaemon(t)
	w := world.New(t)
	// A name of its own: it was not built before.
	name := filepath.Base(w.Dir)
	w.Write("default.nix", `derivation { name = "`+name+`"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo ${builtins.toString 6}7 >$out" ]; }`)
	r := withNix(w, `p=$(nix-build --no-out-link 2>/dev/null) && echo "$p" && cat "$p"; touch /nix/store/x 2>/dev/null || echo held; echo $NIX_REMOTE; ls /nix/var/nix`, "--nix")
	out := world.Lines(r.Out)
	if r.Status != 0 || len(out) != 5 || !strings.HasSuffix(out[0], "-"+name) || !slices.Equal(out[1:], []string{"67", "held", "daemon", "daemon-socket"}) {
		t.Fatalf("a build inside: %s", r)
	}
	if text, err := os.ReadFile(out[0]); err != nil || string(text) != "67\n" {
		t.Errorf("outside it is %q, %v", text, err)
	}
	if r := withNix(w, "nix build --no-link --impure --expr 'import ./default.nix' && echo built", "--nix"); r.Out != "built\n" {
		t.Errorf("nix build: %s", r)
	}

	// The policy says so too; and without either nothing is there.
	policy := w.Write(w.Dir+"/policy.toml", "version = 1\n[nix]\ndaemon = \"auto\"\n")
	look := `[ -S ` + nixSocket + ` ] && echo socket; [ -n "$NIX_REMOTE" ] && echo remote; [ -e /etc/nix ] && echo conf; [ -e /nix/var ] && echo var; true`
	if r := withNix(w, look, "--policy", policy); r.Out != "socket\nremote\nconf\nvar\n" {
		t.Errorf("daemon = \"auto\": %s", r)
	}
	if r := withNix(w, look); r.Status != 0 || r.Out != "" {
		t.Errorf("without it: %s", r)
	}
}

// TestNixSettings: of the host's nix.conf the caches and their keys cross, and
// no token.
func TestNixSettings(t *testing.T) {
	t.Parallel()
	requireDaemon(t)
	world.RequireTool(t, "nix")
	w := world.New(t)
	const key = "cache.example.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	w.Write(w.Dir+"/conf/secret.conf", "access-tokens = github.com="+world.Planted+"\n")
	w.Write(w.Dir+"/conf/nix.conf", "experimental-features = nix-command\nsubstituters = https://cache.example.org https://ann:"+world.Planted+"@private.example.org\n"+
		"trusted-public-keys = "+key+"\nnetrc-file = /"+world.Planted+"\naccess-tokens = gitlab.com="+world.Planted+"\n!include "+w.Dir+"/conf/secret.conf\n")
	w.Env["NIX_CONF_DIR"] = w.Dir + "/conf"
	r := withNix(w, "cat /etc/nix/*; env", "--nix")
	want := "experimental-features = nix-command flakes\nsubstituters = https://cache.example.org\ntrusted-public-keys = " + key + "\n"
	if r.Status != 0 || !strings.HasPrefix(r.Out, want) || strings.Contains(r.Out+r.Err, world.Planted) {
		t.Errorf("want:\n%s%s", want, r)
	}
	if !strings.Contains(r.Err, "https://private.example.org has a user name or password") {
		t.Errorf("what is left out is not said: %s", r)
	}
}

// TestNixTrusted: whom the daemon trusts is warned, unless the jail goes
// through a door that trusts nobody.
func TestNixTrusted(t *testing.T) {
	t.Parallel()
	requireDaemon(t)
	w := world.New(t)
	const warning = "the Nix daemon trusts you"
	// The host's Nix may be too old to say. This one says what it is told,
	// and has no settings.
	says := func(daemon, door string) {
		w.Write(w.Dir+"/bin/nix", "#!/bin/sh\ncase \"$*\" in\n*'store ping'*nix-untrusted.socket) echo '{\"trusted\":"+door+"}';;\n"+
			"*'store ping'*) echo '{\"trusted\":"+daemon+"}';;\n*) exit 1;;\nesac\n")
		if err := os.Chmod(w.Dir+"/bin/nix", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.Env["PATH"] = w.Dir + "/bin:" + w.Env["PATH"]
	says("1", "0")
	if r := withNix(w, "true", "--nix"); r.Status != 0 || !strings.Contains(r.Err, warning) {
		t.Errorf("a trusted user is not warned: %s", r)
	}
	if r := withNix(w, "true"); strings.Contains(r.Err, warning) {
		t.Errorf("warned without the daemon: %s", r)
	}
	if os.Getuid() != 0 {
		says("0", "0")
		if r := withNix(w, "true", "--nix"); r.Status != 0 || strings.Contains(r.Err, warning) {
			t.Errorf("an untrusted user is warned: %s", r)
		}
		says("1", "0")
	}

	// A door: it passes on what it is asked, and counts.
	l, err := net.Listen("unix", w.Env["XDG_RUNTIME_DIR"]+"/nix-untrusted.socket")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var asked atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				up, err := net.Dial("unix", nixSocket)
				if err != nil {
					return
				}
				defer up.Close()
				go func() { n, _ := io.Copy(up, c); asked.Add(n) }()
				_, _ = io.Copy(c, up)
			}()
		}
	}()
	name := filepath.Base(w.Dir)
	build := `p=$(nix-build --no-out-link -E 'derivation { name = "` + name + `"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo door >$out" ]; }' 2>/dev/null) && cat "$p"`
	r := withNix(w, build, "--nix")
	if r.Out != "door\n" || strings.Contains(r.Err, warning) {
		t.Errorf("through the door: %s", r)
	}
	world.WaitFor(t, "the door to be used", func() bool { return asked.Load() > 0 })
	says("1", "1")
	if r := withNix(w, "true", "--nix"); !strings.Contains(r.Err, warning) {
		t.Errorf("a door that trusts is none: %s", r)
	}
}
