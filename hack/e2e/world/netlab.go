package world

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Other hosts of the lab. Nothing of it exists beyond the lab's own network
// namespaces.
const (
	PublicA  = "93.184.216.34"
	PublicB  = "93.184.216.35"
	PublicC  = "93.184.216.36"
	PublicV6 = "2606:2800:220::34"
	Metadata = "169.254.169.254"
	Private  = "10.9.9.9"
)

// Addresses of the lab's host itself: of its card, and of its loopback device.
const (
	Own4       = "93.184.220.29"
	Own6       = "2606:2800:221::29"
	OwnLo      = "93.184.221.30"
	OwnPrivate = "192.168.77.2"
)

// labAddresses are all other hosts.
var labAddresses = []string{PublicA, PublicB, PublicC, PublicV6, Metadata, Private, "fd00:ec2::254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "192.0.2.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd00::1"}

// labPorts are open on every address of the lab, the host's and its loopback
// included.
var labPorts = []int{22, 80, 443, 853, 5432, 8080}

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

// Order is what a test asks of the lab's process, and hit what came there.
type Order struct {
	// Name gets Answers: the n-th question is answered with the n-th, the last
	// one stays. No answers: the name does not exist. "=NAME" is an alias.
	Name    string
	Answers [][]string
	// Listen forwards an address of another host to a port of this one's
	// loopback.
	Listen, To string
	// Own is an address that the host has from now on.
	Own string
	// Backend, "127.0.0.1:PORT", answers what is asked of Name by HTTP, with
	// TLS or without.
	Backend string
}

// Reply is what came to the lab since the last order.
type Reply struct {
	// Hits are connections and packets, as "tcp 93.184.216.34:443"; Queries
	// the questions that the name server got, as "a.example A".
	Hits, Queries []string
	Err           string
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
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := &Lab{t: t, CA: filepath.Join(w.Dir, "ca.pem")}
	c := exec.Command(self, w.Dir)
	c.Env = append(os.Environ(), PartEnv+"=lab")
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
	l.Ask(Order{}) // it is ready when it answers
	w.Env["SSL_CERT_FILE"] = l.CA
	w.Lab = l
	return l
}

// Ask gives an order and returns what came to the lab since the last one.
func (l *Lab) Ask(o Order) Reply {
	l.t.Helper()
	if err := l.in.Encode(o); err != nil {
		l.t.Fatalf("the lab does not listen: %v", err)
	}
	var r Reply
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
	l.Ask(Order{Name: name, Answers: [][]string{addresses}})
}

// Caught returns and forgets what came to the lab.
func (l *Lab) Caught() Reply { l.t.Helper(); return l.Ask(Order{}) }

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

// labPart is the part "lab": the process that makes the lab and serves in it.
func labPart(args []string) int {
	s, err := openLab(args[0])
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o Order
		if err := in.Decode(&o); err == io.EOF {
			return 0
		} else if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "lab:", err)
			return 1
		}
		if err := out.Encode(s.do(o)); err != nil {
			return 1
		}
	}
}

// do carries an order out.
func (s *labServer) do(o Order) Reply {
	if o.Listen != "" {
		l, err := s.outer.listen("tcp", o.Listen)
		if err != nil {
			return Reply{Err: err.Error()}
		}
		go s.forward(l, o.To)
	}
	if o.Own != "" {
		if err := getAddress(o.Own); err != nil {
			return Reply{Err: err.Error()}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.Backend != "" {
		s.backends[o.Name] = o.Backend
	}
	if o.Name != "" {
		s.names[strings.ToLower(o.Name)+"."] = o.Answers
	}
	r := Reply{Hits: s.hits, Queries: s.queries}
	s.hits, s.queries = nil, nil
	return r
}
