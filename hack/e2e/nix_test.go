package e2e

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// TestBakedPolicy: a wrapper's policy applies below the user's own, counts as
// the user's word, and a broken one stops everything.
func TestBakedPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	baked := w.write(w.dir+"/baked.toml", "version = 1\n[files]\nread = [\""+w.dir+"/shared\"]\nhide = [\"secret\"]\n[env]\nset = { WHO = \"baked\", TEAM = \"baked\" }\n")
	w.write(w.dir+"/shared/file", "shared\n")
	w.write("secret", planted)
	w.env["JAILED_CLAUDE_POLICY"] = baked
	script := `cat ` + w.dir + `/shared/file; cat secret 2>&1 | grep -c ` + planted + `; echo "$WHO $TEAM"; env | grep -c JAILED`
	if got := w.bash(script); got.out != "shared\n0\nbaked baked\n0\n" {
		t.Errorf("the wrapper's policy: %s", got)
	}
	w.write(w.home+"/.config/jailed-claude/config.toml", "version = 1\n[env]\nset = { WHO = \"user\" }\n")
	if got := w.bash(script); got.out != "shared\n0\nuser baked\n0\n" {
		t.Errorf("the user's policy is not the stronger one: %s", got)
	}
	if r := w.run("explain", "--closure", requireVariable(t, "BASE_CLOSURE")); !strings.Contains(r.out, baked) {
		t.Errorf("explain does not name the wrapper's policy: %s", r)
	}

	// A project that asks for what the wrapper grants already asks for
	// nothing.
	w.write(policyFile, "version = 1\n[files]\nread = [\""+w.dir+"/shared\"]\n")
	if got := w.bash("true"); got.status != 0 {
		t.Errorf("it grants nothing new: %s", got)
	}
	delete(w.env, "JAILED_CLAUDE_POLICY")
	if got := w.bash("true"); got.status != 125 || !strings.Contains(got.err, "nobody has approved") {
		t.Errorf("without the wrapper it does: %s", got)
	}

	for name, text := range map[string]string{"missing": "", "broken": "version = 1\n[file]\n"} {
		file := filepath.Join(w.dir, name+".toml")
		if text != "" {
			w.write(file, text)
		}
		w.env["JAILED_CLAUDE_POLICY"] = file
		if got := w.bash("true", "--policy", "none"); got.status != 125 || !strings.Contains(got.err, file) || !strings.Contains(got.err, "JAILED_CLAUDE_POLICY") {
			t.Errorf("a %s policy: %s", name, got)
		}
	}
}

// requireDaemon is a Nix daemon that this user can ask, and a program of Nix in
// the host's toolchain.
func requireDaemon(t *testing.T) {
	t.Helper()
	requireTool(t, "nix-build")
	if c, err := net.Dial("unix", nixSocket); err != nil {
		cannot(t, "there is no Nix daemon: %v", err)
	} else {
		c.Close()
	}
}

const nixSocket = "/nix/var/nix/daemon-socket/socket"

// withNix is a shell in a jail with the host's programs, of which Nix is one.
func (w *world) withNix(script string, flags ...string) result {
	w.t.Helper()
	args := append([]string{"shell", "--package", "host", "--net", "none"}, flags...)
	return finish(w.t, w.command(append(args, "--", "bash", "-c", script)...))
}

// TestNixDaemon: with the daemon a jail builds, and sees what was built at
// once; it cannot write to the store, and the socket is all it has of Nix.
func TestNixDaemon(t *testing.T) {
	t.Parallel()
	requireDaemon(t)
	w := newWorld(t)
	// A name of its own: it was not built before.
	name := filepath.Base(w.dir)
	w.write("default.nix", `derivation { name = "`+name+`"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo ${builtins.toString 6}7 >$out" ]; }`)
	r := w.withNix(`p=$(nix-build --no-out-link 2>/dev/null) && echo "$p" && cat "$p"; touch /nix/store/x 2>/dev/null || echo held; echo $NIX_REMOTE; ls /nix/var/nix`, "--nix")
	out := lines(r.out)
	if r.status != 0 || len(out) != 5 || !strings.HasSuffix(out[0], "-"+name) || !slices.Equal(out[1:], []string{"67", "held", "daemon", "daemon-socket"}) {
		t.Fatalf("a build inside: %s", r)
	}
	if text, err := os.ReadFile(out[0]); err != nil || string(text) != "67\n" {
		t.Errorf("outside it is %q, %v", text, err)
	}
	if r := w.withNix("nix build --no-link --impure --expr 'import ./default.nix' && echo built", "--nix"); r.out != "built\n" {
		t.Errorf("nix build: %s", r)
	}

	// The policy says so too; and without either nothing is there.
	policy := w.write(w.dir+"/policy.toml", "version = 1\n[nix]\ndaemon = \"auto\"\n")
	look := `[ -S ` + nixSocket + ` ] && echo socket; [ -n "$NIX_REMOTE" ] && echo remote; [ -e /etc/nix ] && echo conf; [ -e /nix/var ] && echo var; true`
	if r := w.withNix(look, "--policy", policy); r.out != "socket\nremote\nconf\nvar\n" {
		t.Errorf("daemon = \"auto\": %s", r)
	}
	if r := w.withNix(look); r.status != 0 || r.out != "" {
		t.Errorf("without it: %s", r)
	}
}

// TestNixSettings: of the host's nix.conf the caches and their keys cross, and
// no token.
func TestNixSettings(t *testing.T) {
	t.Parallel()
	requireDaemon(t)
	requireTool(t, "nix")
	w := newWorld(t)
	const key = "cache.example.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
	w.write(w.dir+"/conf/secret.conf", "access-tokens = github.com="+planted+"\n")
	w.write(w.dir+"/conf/nix.conf", "experimental-features = nix-command\nsubstituters = https://cache.example.org https://ann:"+planted+"@private.example.org\n"+
		"trusted-public-keys = "+key+"\nnetrc-file = /"+planted+"\naccess-tokens = gitlab.com="+planted+"\n!include "+w.dir+"/conf/secret.conf\n")
	w.env["NIX_CONF_DIR"] = w.dir + "/conf"
	r := w.withNix("cat /etc/nix/*; env", "--nix")
	want := "experimental-features = nix-command flakes\nsubstituters = https://cache.example.org\ntrusted-public-keys = " + key + "\n"
	if r.status != 0 || !strings.HasPrefix(r.out, want) || strings.Contains(r.out+r.err, planted) {
		t.Errorf("want:\n%s%s", want, r)
	}
	if !strings.Contains(r.err, "https://private.example.org has a user name or password") {
		t.Errorf("what is left out is not said: %s", r)
	}
}

// TestNixTrusted: whom the daemon trusts is warned, unless the jail goes
// through a door that trusts nobody.
func TestNixTrusted(t *testing.T) {
	t.Parallel()
	requireDaemon(t)
	w := newWorld(t)
	const warning = "the Nix daemon trusts you"
	// The host's Nix may be too old to say. This one says what it is told,
	// and has no settings.
	says := func(daemon, door string) {
		w.write(w.dir+"/bin/nix", "#!/bin/sh\ncase \"$*\" in\n*'store ping'*nix-untrusted.socket) echo '{\"trusted\":"+door+"}';;\n"+
			"*'store ping'*) echo '{\"trusted\":"+daemon+"}';;\n*) exit 1;;\nesac\n")
		if err := os.Chmod(w.dir+"/bin/nix", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.env["PATH"] = w.dir + "/bin:" + w.env["PATH"]
	says("1", "0")
	if r := w.withNix("true", "--nix"); r.status != 0 || !strings.Contains(r.err, warning) {
		t.Errorf("a trusted user is not warned: %s", r)
	}
	if r := w.withNix("true"); strings.Contains(r.err, warning) {
		t.Errorf("warned without the daemon: %s", r)
	}
	if os.Getuid() != 0 {
		says("0", "0")
		if r := w.withNix("true", "--nix"); r.status != 0 || strings.Contains(r.err, warning) {
			t.Errorf("an untrusted user is warned: %s", r)
		}
		says("1", "0")
	}

	// A door: it passes on what it is asked, and counts.
	l, err := net.Listen("unix", w.env["XDG_RUNTIME_DIR"]+"/nix-untrusted.socket")
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
	name := filepath.Base(w.dir)
	build := `p=$(nix-build --no-out-link -E 'derivation { name = "` + name + `"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo door >$out" ]; }' 2>/dev/null) && cat "$p"`
	r := w.withNix(build, "--nix")
	if r.out != "door\n" || strings.Contains(r.err, warning) {
		t.Errorf("through the door: %s", r)
	}
	waitFor(t, "the door to be used", func() bool { return asked.Load() > 0 })
	says("1", "1")
	if r := w.withNix("true", "--nix"); !strings.Contains(r.err, warning) {
		t.Errorf("a door that trusts is none: %s", r)
	}
}
