package session

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// attack is a part: it looks for a control channel in every way that it knows, and
// says what it found. Arguments: process IDs to try.
func attack(pids []string) int {
	found := func(what string, args ...any) { fmt.Printf("FOUND "+what+"\n", args...) }
	tried := 0
	try := func(place string) {
		tried++
		if c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: place, Net: "unix"}); err == nil {
			_, _ = c.Write([]byte(`{"do":"status"}` + "\n"))
			text := make([]byte, 1000)
			n, _ := c.Read(text)
			found("%s: %s", place, text[:n])
			c.Close()
		}
	}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, pid := range pids {
		all = append(all, "/proc/"+pid, "/proc/"+pid+"/task/"+pid)
	}
	for _, dir := range append(all, "/proc/self", "/proc/thread-self", "/dev") {
		for fd := range 64 {
			p := fmt.Sprintf("%s/fd/%d", dir, fd)
			to, err := os.Readlink(p)
			if strings.Contains(to, "jailed-claude.control") || strings.Contains(to, "memfd:jailed-claude") {
				found("a descriptor: %s", p)
			}
			// One's own sockets and the harness's are no channel.
			if err == nil && !strings.HasPrefix(to, "/dev") && !strings.HasPrefix(to, "pipe:") {
				try(p)
			}
			// By the supervisor's own view.
			try(fmt.Sprintf("%s/root/proc/self/fd/%d", dir, fd))
		}
		for _, p := range []string{"root/tmp/jailed-claude.control", "cwd/jailed-claude.control", "root/run/jailed-claude.control"} {
			try(filepath.Join(dir, p))
		}
	}
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/tmp", "/run", os.Getenv("HOME"), "/var/tmp", "."} {
		for _, name := range []string{"jailed-claude.control", "jailed-claude/control", "control"} {
			try(filepath.Join(dir, name))
		}
	}
	for _, name := range []string{"@jailed-claude.control", "@jailed-claude", "@control", "@/tmp/jailed-claude.control"} {
		try(name)
	}
	// What the kernel lists of sockets with a name.
	text, _ := os.ReadFile("/proc/net/unix")
	if strings.Contains(string(text), "/jailed-claude.control") && len(pids) == 0 {
		found("its name in /proc/net/unix")
	}
	for _, pid := range pids {
		n := 0
		_, _ = fmt.Sscan(pid, &n)
		fd, err := unix.PidfdOpen(n, 0)
		if err != nil {
			continue
		}
		for i := range 64 {
			if _, err := unix.PidfdGetfd(fd, i, 0); err == nil {
				found("descriptor %d of process %d", i, n)
			}
		}
		unix.Close(fd)
	}
	fmt.Printf("tried %d ways\n", tried)
	return 0
}

// TestNoControlFromInside: a jail finds no channel, its own or another's, whatever
// of the host it was granted.
func TestNoControlFromInside(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	other := begin(w, w.Base("exec sleep 1000"))
	kinds := [][]string{nil, {"--net", "host"}, {"--write", w.Env["TMPDIR"]}, {"--user", "root"}}
	if os.Getuid() != 0 { // uid 0 cannot nest
		kinds = append(kinds, []string{"--policy", w.NestingPolicy("")})
	}
	for _, flags := range kinds {
		c := w.Part("attack", flags...)
		c.Args = append(c.Args, world.Itoa(other.PID), world.Itoa(os.Getpid()))
		r := world.Finish(t, c)
		if r.Status != 0 || strings.Contains(r.Out, "FOUND") || !strings.Contains(r.Out, "tried ") {
			t.Errorf("%q: %s", flags, r)
		}
	}
	// The attack works where there is no jail around it.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, world.Itoa(other.PID))
	c.Env = append(w.Environ(), world.PartEnv+"=attack")
	if r := world.Finish(t, c); !strings.Contains(r.Out, "this jail cannot do") || !strings.Contains(r.Out, "a descriptor") {
		t.Errorf("outside the attack finds nothing: %s", r)
	}
}

// TestNoControlByAnother: neither does another user of the host.
func TestNoControlByAnother(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	w := world.New(t)
	j := begin(w, w.Base("exec sleep 1000"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := world.RequireVariable(t, "BIN")
	tries := [][]string{{self, world.Itoa(j.PID)}, {bin, "exec", j.ID, "--", "true"}}
	for _, command := range []string{"attach", "logs", "wait", "stop", "ports", "allow", "deny"} {
		tries = append(tries, []string{bin, command, j.ID})
	}
	for _, args := range tries {
		c := exec.Command(args[0], args[1:]...)
		c.Env, c.Dir = append(w.Environ(), "HOME=/nonexistent"), "/"
		if args[0] == self {
			c.Env = append(c.Env, world.PartEnv+"=attack")
		}
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: 65533}}
		r := world.Finish(t, c)
		if strings.Contains(r.Out, "FOUND") || args[0] != self && r.Status != 125 {
			t.Errorf("%q: %s", args, r)
		}
	}
}
