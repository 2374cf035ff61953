package keys

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// sshWorld is a caller with two keys in a real ssh agent, and a real sshd on
// this machine's loopback that takes both.
type sshWorld struct {
	*world.World
	// at is "USER@host:PORT", url what git takes.
	at, url string
}

func newSSHWorld(t *testing.T) *sshWorld {
	t.Helper()
	world.RequireTool(t, "ssh-agent")
	sshd := "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil {
		t.Skip("sshd is not installed (openssh-server)")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w := &sshWorld{World: world.New(t)}
	port := freePort(t)
	w.at = fmt.Sprintf("%s@host:%d", me.Username, port)
	w.url = "ssh://" + w.at + filepath.Join(w.Dir, "repo.git")
	for _, key := range []string{"home/.ssh/id_ed25519", "home/.ssh/other", "hostkey"} {
		w.host("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", filepath.Join(w.Dir, key))
	}
	w.Write(w.Dir+"/authorized", w.Read(w.Home+"/.ssh/id_ed25519.pub")+w.Read(w.Home+"/.ssh/other.pub"))
	w.Write(w.Home+"/.ssh/known_hosts", fmt.Sprintf("[host]:%d %s", port, w.Read(w.Dir+"/hostkey.pub")))
	w.host("ssh-keygen", "-q", "-H", "-f", w.Home+"/.ssh/known_hosts")
	config := w.Write(w.Dir+"/sshd", fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s/hostkey\nAuthorizedKeysFile %s/authorized\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n", port, w.Dir, w.Dir))
	w.serve(sshd, "-D", "-f", config, "-E", w.Dir+"/sshd.log")
	w.Env["SSH_AUTH_SOCK"] = w.Dir + "/agent"
	w.serve("ssh-agent", "-D", "-a", w.Env["SSH_AUTH_SOCK"])
	for network, address := range map[string]string{"unix": w.Env["SSH_AUTH_SOCK"], "tcp": fmt.Sprintf("127.0.0.1:%d", port)} {
		world.WaitFor(t, address, func() bool {
			c, err := net.Dial(network, address)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
	w.host("ssh-add", "-q", w.Home+"/.ssh/id_ed25519", w.Home+"/.ssh/other")
	w.host("git", "init", "--quiet", "--bare", "--initial-branch=main", w.Dir+"/repo.git")
	// Accounts without a password are locked for sshd, as are some of tests.
	if out, err := exec.Command("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentityAgent="+w.Env["SSH_AUTH_SOCK"],
		"-p", fmt.Sprint(port), me.Username+"@127.0.0.1", "true").CombinedOutput(); err != nil {
		t.Skipf("sshd does not let this user in: %s\n%s", out, w.Read(w.Dir+"/sshd.log"))
	}
	return w
}

func (w *sshWorld) host(program string, args ...string) string {
	w.T.Helper()
	c := exec.Command(program, args...)
	c.Env = w.Environ()
	out, err := c.CombinedOutput()
	if err != nil {
		w.T.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

func (w *sshWorld) serve(program string, args ...string) {
	w.T.Helper()
	c := exec.Command(program, args...)
	c.Env = w.Environ()
	if err := c.Start(); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// shell runs a script in a jail with the host's programs and that policy.
func (w *sshWorld) shell(ssh, script string) world.Result {
	w.T.Helper()
	_, at, _ := strings.Cut(w.at, "@")
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\n[network]\nmode = \"filtered\"\nallow = [\""+at+"\"]\n"+ssh)
	return world.Finish(w.T, w.Command("shell", "--package", "host", "--", "bash", "-c", script))
}

// TestSSH: git clones and pushes over ssh and signs, with a key that stays in
// the host's agent; nothing else is signed.
func TestSSH(t *testing.T) {
	t.Parallel()
	w := newSSHWorld(t)
	policy := fmt.Sprintf("[ssh]\nkeys = [\"~/.ssh/id_ed25519.pub\"]\nhosts = [%q]\nsign = [\"git\"]\n", w.at)
	_, port, _ := strings.Cut(w.at, ":")
	r := w.shell(policy, `set -e
		ssh-add -l | wc -l
		cd /tmp && git clone -q `+w.url+` r 2>/dev/null && cd r && echo x >x && git add x
		git commit -q -S -m signed && git push -q origin HEAD:main && git tag -s v1 -m v1 && git push -q origin v1
		ssh-add -D 2>/dev/null || echo kept
		ssh-keygen -q -t ed25519 -N '' -f mine && ssh-add -q mine 2>/dev/null || echo not added
		ssh-keygen -q -Y sign -n file -f <(ssh-add -L) x 2>/dev/null || echo not for files
		ssh -o BatchMode=yes -p `+port+` nobody@host true 2>/dev/null || echo not as another user
		ls ~/.ssh 2>/dev/null || true`)
	if r.Status != 0 || r.Out != "1\nkept\nnot added\nnot for files\nnot as another user\n" {
		t.Fatalf("%s\n%s\n%s", r, w.SessionLog(), w.Read(w.Dir+"/sshd.log"))
	}
	w.Write(w.Dir+"/signers", "ada@example.org "+w.Read(w.Home+"/.ssh/id_ed25519.pub"))
	verify := []string{"-C", w.Dir + "/repo.git", "-c", "safe.directory=*", "-c", "gpg.ssh.allowedSignersFile=" + w.Dir + "/signers"}
	w.host("git", append(verify, "verify-commit", "main")...)
	w.host("git", append(verify, "verify-tag", "v1")...)
	if keys := w.host("ssh-add", "-l"); strings.Count(keys, "\n") != 2 {
		t.Errorf("the host's agent has %s", keys)
	}
	log, base := w.SessionLog(), world.RequireVariable(t, "CLAUDE_CLOSURE")
	for _, want := range []string{`"name":"` + w.at + `","verdict":"allow","rule":"ssh.hosts ` + w.at, `"rule":"ssh.sign git"`, `"name":"file","verdict":"deny"`, `SHA256:`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %s:\n%s", want, log)
		}
	}
	if r := world.Finish(t, w.Command("explain", "--closure", base)); !strings.Contains(r.Out, "log in") || !strings.Contains(r.Out, "SHA256:") {
		t.Error(r)
	}
	if r := world.Finish(t, w.Command("spec", "--closure", base)); !strings.Contains(r.Out, `\"ssh\":{\"keys\":[\"SHA256:`) || strings.Contains(r.Out, w.Env["SSH_AUTH_SOCK"]) {
		t.Error(r)
	}
	if r := world.Finish(t, w.Command("bundle", "--closure", base, w.Dir+"/bundle")); r.Status == 0 || !strings.Contains(r.Err, "[ssh]") {
		t.Error(r)
	}
}

// TestSSHRefused: what the policy does not say is not signed, and the last
// lines say so, since git makes a tag without.
func TestSSHRefused(t *testing.T) {
	t.Parallel()
	w := newSSHWorld(t)
	r := w.shell("", `echo "${SSH_AUTH_SOCK-none}"; ls /run/jail 2>/dev/null`)
	if r.Out != "none\n" {
		t.Error("without [ssh]: " + r.String())
	}
	key := strings.TrimSpace(w.Read(w.Home + "/.ssh/id_ed25519.pub"))
	r = w.shell(fmt.Sprintf("[ssh]\nkeys = [\"~/.ssh/id_ed25519.pub\"]\nhosts = [%q]\n", w.at),
		`git -c gpg.format=ssh -c user.signingkey="key::`+key+`" tag -s v1 -m v1; git tag -l; git -c gpg.format=ssh -c user.signingkey="key::`+key+`" commit -q -S --allow-empty -m x || echo no commit`)
	if !strings.Contains(r.Out, "no commit") || !strings.Contains(r.Err, "jailed-claude: ssh: a signature for git was refused (2 times): signatures for \"git\" are not in ssh.sign") {
		t.Error(r)
	}
	// The other key, and a host that nobody knows.
	for policy, says := range map[string]string{
		fmt.Sprintf("[ssh]\nkeys = [\"SHA256:%s\"]\nhosts = [%q]\n", strings.Repeat("A", 43), w.at): "Permission denied",
		"[ssh]\nkeys = [\"~/.ssh/id_ed25519.pub\"]\nhosts = [\"unknown.example\"]\n":                "known_hosts has no key of unknown.example",
		"[ssh]\nkeys = [\"~/.ssh/missing.pub\"]\nhosts = [\"host\"]\n":                              "there is no public key",
		"[ssh]\nkeys = [\"~/.ssh/id_ed25519.pub\"]\n":                                               "is of no use alone",
		"[ssh]\nhosts = [\"host\"]\n":                                                               "need a key",
		"[ssh]\nkeys = [\"~/.ssh/id_ed25519\"]\nhosts = [\"host\"]\n":                               ".pub",
	} {
		if r := w.shell(policy, "GIT_SSH_COMMAND='ssh -o BatchMode=yes' git clone -q "+w.url+" /tmp/r"); r.Status == 0 || !strings.Contains(r.Err, says) {
			t.Errorf("%s: %s", policy, r)
		}
	}
}
