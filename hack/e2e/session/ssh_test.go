package session

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// sshd starts one on loopback, with a shell for this user alone, and returns what
// runs a command there on a terminal. pids are those of its sessions.
func sshd(t *testing.T, w *world.World) (ssh func(command string) *exec.Cmd, pids func() []int) {
	t.Helper()
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Skip("sshd is not installed (openssh-server)")
	}
	world.RequireTool(t, "ssh")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()
	for _, key := range []string{"key", "hostkey"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", filepath.Join(w.Dir, key)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	config := w.Write(w.Dir+"/sshd", fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s/hostkey\nAuthorizedKeysFile %s/key.pub\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n", port, w.Dir, w.Dir))
	server := exec.Command(program, "-D", "-f", config, "-E", w.Dir+"/sshd.log")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	world.WaitFor(t, "sshd", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	ssh = func(command string) *exec.Cmd {
		return exec.Command("ssh", "-tt", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
			"-o", "IdentitiesOnly=yes", "-i", filepath.Join(w.Dir, "key"), "-p", port, me.Username+"@127.0.0.1", command)
	}
	// Accounts without a password are locked for sshd, as are some of tests.
	if out, err := ssh("true").CombinedOutput(); err != nil {
		t.Skipf("sshd does not let this user in: %s\n%s", out, w.Read(w.Dir+"/sshd.log"))
	}
	return ssh, func() (all []int) { return below(server.Process.Pid) }
}

// below are the processes below one.
func below(pid int) (all []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range tasks {
		text, _ := os.ReadFile(file)
		for child := range strings.FieldsSeq(string(text)) {
			n := 0
			_, _ = fmt.Sscan(child, &n)
			all = append(append(all, n), below(n)...)
		}
	}
	return all
}

// TestSSHBreaks: a connection of ssh that breaks on either side leaves a jail alone
// that was started with --on-hangup detach, and ends any other, of which nothing is
// left.
func TestSSHBreaks(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	ssh, sessions := sshd(t, w)
	env := "cd " + w.Project + " && exec env"
	for _, e := range w.Environ() {
		env += " " + world.CommandLine([]string{e})
	}
	world.Finish(t, w.Base("true")) // makes what is kept
	before := w.TakeTrace()
	connect := func(hangup string) (c *exec.Cmd, p *world.PTY) {
		t.Helper()
		jail := w.Base(`stty -echo; echo "ready."; while read -r line; do echo "got $line."; done`, "--on-hangup", hangup)
		p = world.NewPTY(t)
		c = ssh(env + " " + world.CommandLine(jail.Args))
		c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
		p.Attach(c)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill() })
		world.WaitFor(t, "the jail over ssh", func() bool { return strings.Contains(p.Shown(), "ready.") })
		return c, p
	}
	breaks := map[string]func(*exec.Cmd){
		"the client is killed": func(c *exec.Cmd) { _ = c.Process.Kill() },
		"the server is killed": func(*exec.Cmd) {
			for _, pid := range sessions() {
				if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); strings.HasPrefix(string(name), "sshd") {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		},
	}
	for name, cut := range breaks {
		c, p := connect("detach")
		if _, err := p.Master.WriteString("one\r"); err != nil {
			t.Fatal(err)
		}
		world.WaitFor(t, "an answer over ssh", func() bool { return strings.Contains(p.Shown(), "got one.") })
		all := running(w)
		if len(all) != 1 {
			t.Fatalf("%s: %d jails", name, len(all))
		}
		endsWithTest(w, all[0])
		cut(c)
		_ = c.Wait()
		world.WaitFor(t, "nobody to be attached", func() bool { s := status(w, all[0].ID); return s.Detached && s.Viewers == 0 })
		v := attached(w, all[0].ID)
		v.shows(t, "got one.")
		v.types(t, "two\r")
		v.shows(t, "got two.")
		v.detach(t)
		if r := world.Finish(t, w.Command("stop", "--grace", "0s", all[0].ID)); r.Status != 0 {
			t.Errorf("%s: %s", name, r)
		}
		c, _ = connect("end")
		cut(c)
		_ = c.Wait()
		world.WaitFor(t, "the jail to end", func() bool { return len(running(w)) == 0 })
	}
	w.SameTrace(before)
}
