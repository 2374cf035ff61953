package world

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
)

// Lab is an outer world for tests of the network: a network namespace that is
// the host, and another one at the end of a cable, with servers that play the
// internet, the caller's own network, and the host's services; with a name
// server and /etc/resolv.conf of its own.
// What is dialled by mistake, or because a protection was taken away, reaches
// the lab and is noted there.
type Lab struct {
	t   *testing.T
	pid int
	in  *json.Encoder
	out *json.Decoder
	// CA is the file of the authority that signs for every name.
	CA string
}

// NewLab gives w a lab: everything that it runs from here on runs there.
func NewLab(t *testing.T) (*World, *Lab) {
	t.Helper()
	w := New(t)
	return w, LabOf(t, w)
}

// LabOf gives a world that there is a lab.
func LabOf(t *testing.T, w *World) *Lab {
	t.Helper()
	RequireTool(t, "nsenter")
	RequireTool(t, "unshare")
	l := &Lab{t: t, CA: filepath.Join(w.Dir, "ca.pem")}
	c := exec.Command(RequireVariable(t, "LAB"), w.Dir)
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = c.Wait()
	})
	l.pid, l.in, l.out = c.Process.Pid, json.NewEncoder(in), json.NewDecoder(out)
	l.Ask(lab.Order{}) // it is ready when it answers
	w.Env["SSL_CERT_FILE"] = l.CA
	w.Lab = l
	return l
}

// Ask gives an order and returns what came to the lab since the last one.
func (l *Lab) Ask(o lab.Order) lab.Reply {
	l.t.Helper()
	if err := l.in.Encode(o); err != nil {
		l.t.Fatalf("the lab does not listen: %v", err)
	}
	var r lab.Reply
	if err := l.out.Decode(&r); err != nil {
		l.t.Fatalf("the lab does not answer: %v", err)
	}
	if r.Err != "" {
		l.t.Fatalf("the lab: %s", r.Err)
	}
	return r
}

// Name makes a name that leads to addresses.
func (l *Lab) Name(name string, addresses ...string) {
	l.t.Helper()
	l.Ask(lab.Order{Name: name, Answers: [][]string{addresses}})
}

// Caught returns and forgets what came to the lab.
func (l *Lab) Caught() lab.Reply { l.t.Helper(); return l.Ask(lab.Order{}) }

// Part starts a part of this binary in the lab, and returns the address at which
// it serves (ServePart). Its first argument is the file for that, args come then.
func (l *Lab) Part(w *World, name string, args ...string) (address string) {
	l.t.Helper()
	file := filepath.Join(w.Dir, name+"-"+rand.Text())
	c := exec.Command(os.Args[0], slices.Concat([]string{file}, args)...)
	c.Env = append(w.Environ(), PartEnv+"="+name)
	l.Enter(c)
	if err := c.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	WaitFor(l.t, "the part "+name, func() bool { _, err := os.Stat(file); return err == nil })
	return w.Read(file)
}

// ServePart serves at an address that it writes into a file. It returns the exit
// status of a part that cannot.
func ServePart(file string, h http.Handler) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = os.WriteFile(file+".new", []byte(l.Addr().String()), 0o600)
	}
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err == nil {
		err = http.Serve(l, h)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// Enter makes c run in the lab, as the caller.
func (l *Lab) Enter(c *exec.Cmd) {
	l.t.Helper()
	args := l.door(c)
	if os.Getuid() != 0 {
		args = append(args, "unshare", "--user", fmt.Sprintf("--map-user=%d", os.Getuid()), fmt.Sprintf("--map-group=%d", os.Getgid()), "--")
	}
	l.through(c, args)
}

// enterAsRoot makes c run in the lab, as its root.
func (l *Lab) enterAsRoot(c *exec.Cmd) {
	l.t.Helper()
	l.through(c, l.door(c))
}

func (l *Lab) door(c *exec.Cmd) []string {
	args := []string{"nsenter", "--target", Itoa(l.pid), "--net", "--mount"}
	if os.Getuid() != 0 {
		args = append(args, "--user", "--preserve-credentials")
	}
	if c.Dir != "" {
		args = append(args, "--wdns="+c.Dir)
	}
	return append(args, "--")
}

func (l *Lab) through(c *exec.Cmd, args []string) {
	c.Args = slices.Concat(args, []string{c.Path}, c.Args[1:])
	c.Path = RequireTool(l.t, "nsenter")
}
