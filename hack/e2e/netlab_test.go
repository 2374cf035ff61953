package e2e

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
	publicA  = "93.184.216.34"
	publicB  = "93.184.216.35"
	publicC  = "93.184.216.36"
	publicV6 = "2606:2800:220::34"
	metadata = "169.254.169.254"
	private  = "10.9.9.9"
)

// Addresses of the lab's host itself: of its card, and of its loopback device.
const (
	own4       = "93.184.220.29"
	own6       = "2606:2800:221::29"
	ownLo      = "93.184.221.30"
	ownPrivate = "192.168.77.2"
)

// labAddresses are all other hosts.
var labAddresses = []string{publicA, publicB, publicC, publicV6, metadata, private, "fd00:ec2::254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "192.0.2.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd00::1"}

// labPorts are open on every address of the lab, the host's and its loopback
// included.
var labPorts = []int{22, 80, 443, 853, 5432, 8080}

// lab is an outer world for tests of the network: a network namespace that is
// the host, and another one at the end of a cable, with servers that play the
// internet, the caller's own network, and the host's services; with a name
// server and /etc/resolv.conf of its own.
// What is dialled by mistake, or because a protection was taken away, reaches
// the lab and is noted there.
type lab struct {
	t   *testing.T
	pid int
	in  *json.Encoder
	out *json.Decoder
	// ca is the file of the authority that signs for every name.
	ca string
}

// order is what a test asks of the lab's process, and hit what came there.
type order struct {
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

type reply struct {
	// Hits are connections and packets, as "tcp 93.184.216.34:443"; Queries
	// the questions that the name server got, as "a.example A".
	Hits, Queries []string
	Err           string
}

// newLab gives w a lab: everything that it runs from here on runs there.
func newLab(t *testing.T) (*world, *lab) {
	t.Helper()
	w := newWorld(t)
	return w, labOf(t, w)
}

// labOf gives a world that there is a lab.
func labOf(t *testing.T, w *world) *lab {
	t.Helper()
	requireTool(t, "nsenter")
	requireTool(t, "unshare")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, ca: filepath.Join(w.dir, "ca.pem")}
	c := exec.Command(self, w.dir)
	c.Env = append(os.Environ(), partEnv+"=lab")
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
	l.ask(order{}) // it is ready when it answers
	w.env["SSL_CERT_FILE"] = l.ca
	w.lab = l
	return l
}

// ask gives an order and returns what came to the lab since the last one.
func (l *lab) ask(o order) reply {
	l.t.Helper()
	if err := l.in.Encode(o); err != nil {
		l.t.Fatalf("the lab does not listen: %v", err)
	}
	var r reply
	if err := l.out.Decode(&r); err != nil {
		l.t.Fatalf("the lab does not answer: %v", err)
	}
	if r.Err != "" {
		l.t.Fatalf("the lab: %s", r.Err)
	}
	return r
}

// name makes a name that leads to addresses.
func (l *lab) name(name string, addresses ...string) {
	l.t.Helper()
	l.ask(order{Name: name, Answers: [][]string{addresses}})
}

// caught returns and forgets what came to the lab.
func (l *lab) caught() reply { l.t.Helper(); return l.ask(order{}) }

// enter makes c run in the lab, as the caller.
func (l *lab) enter(c *exec.Cmd) {
	l.t.Helper()
	args := l.door(c)
	if os.Getuid() != 0 {
		args = append(args, "unshare", "--user", fmt.Sprintf("--map-user=%d", os.Getuid()), fmt.Sprintf("--map-group=%d", os.Getgid()), "--")
	}
	l.through(c, args)
}

// enterAsRoot makes c run in the lab, as its root.
func (l *lab) enterAsRoot(c *exec.Cmd) {
	l.t.Helper()
	l.through(c, l.door(c))
}

func (l *lab) door(c *exec.Cmd) []string {
	args := []string{"nsenter", "--target", itoa(l.pid), "--net", "--mount"}
	if os.Getuid() != 0 {
		args = append(args, "--user", "--preserve-credentials")
	}
	if c.Dir != "" {
		args = append(args, "--wdns="+c.Dir)
	}
	return append(args, "--")
}

func (l *lab) through(c *exec.Cmd, args []string) {
	c.Args = slices.Concat(args, []string{c.Path}, c.Args[1:])
	c.Path = requireTool(l.t, "nsenter")
}

// TestLab: the lab is what the tests of the network take it for.
func TestLab(t *testing.T) {
	t.Parallel()
	w, l := newLab(t)
	l.name("a.example", publicA, publicV6)
	l.ask(order{Name: "turns.example", Answers: [][]string{{publicA}, {"127.0.0.1"}}})
	c := exec.Command(os.Args[0], "tcp "+publicA+":443", "tcp ["+publicV6+"]:22", "tcp a.example:80", "tcp 127.0.0.1:5432", "tcp [::1]:8080", "tcp "+metadata+":80", "tcp "+own4+":22", "tcp ["+own6+"]:22", "tcp "+ownLo+":22", "tcp 9.9.9.9:443", "tcp b.example:80")
	c.Dir, c.Env = w.project, append(w.environ(), partEnv+"=dial")
	l.enter(c)
	r := finish(t, c)
	if n := len(lines(r.out)); r.status != 0 || n != 9 {
		t.Errorf("%d of the first 9 were reached: %s", n, r)
	}
	got := l.caught()
	for _, want := range []string{"tcp " + publicA + ":443", "tcp [" + publicV6 + "]:22", "tcp 127.0.0.1:5432", "tcp [::1]:8080", "tcp " + metadata + ":80", "tcp " + own4 + ":22", "tcp [" + own6 + "]:22", "tcp " + ownLo + ":22"} {
		if !slices.Contains(got.Hits, want) {
			t.Errorf("%q was not noted: %q", want, got.Hits)
		}
	}
	if !slices.Contains(got.Queries, "a.example. A") || !slices.Contains(got.Queries, "b.example. A") {
		t.Errorf("questions: %q", got.Queries)
	}
	// The host's addresses are those that it says, and no other's.
	ip := exec.Command(requireTool(t, "ip"), "-oneline", "address")
	ip.Env = w.environ()
	l.enter(ip)
	if r := finish(t, ip); !strings.Contains(r.out, own4) || !strings.Contains(r.out, own6) || !strings.Contains(r.out, ownLo) || strings.Contains(r.out, publicA) || strings.Contains(r.out, publicV6) {
		t.Errorf("addresses of the host: %s", r)
	}
	id := exec.Command("id", "-u")
	id.Env = w.environ()
	l.enter(id)
	if r := finish(t, id); strings.TrimSpace(r.out) != itoa(os.Getuid()) {
		t.Errorf("the caller is somebody else in the lab: %s", r)
	}
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
		var o order
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
func (s *labServer) do(o order) reply {
	if o.Listen != "" {
		l, err := s.outer.listen("tcp", o.Listen)
		if err != nil {
			return reply{Err: err.Error()}
		}
		go s.forward(l, o.To)
	}
	if o.Own != "" {
		if err := getAddress(o.Own); err != nil {
			return reply{Err: err.Error()}
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
	r := reply{Hits: s.hits, Queries: s.queries}
	s.hits, s.queries = nil, nil
	return r
}
