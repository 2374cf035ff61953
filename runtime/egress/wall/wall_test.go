package wall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// partEnv: what this binary does when it starts itself.
const partEnv = "JAIL_TEST_PART"

// TestMain runs the tests as root of a user and network namespace of their own.
func TestMain(m *testing.M) {
	switch os.Getenv(partEnv) {
	case "inside":
		os.Exit(m.Run())
	case "nested":
		os.Exit(nested())
	}
	c := exec.Command("/proc/self/exe", os.Args[1:]...)
	c.Env = append(os.Environ(), partEnv+"=inside")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = newUser(unix.CLONE_NEWNET)
	err := c.Start()
	if err == nil {
		err = c.Wait()
	} else if why := "no user and network namespace: " + err.Error(); os.Getenv("JAIL_TEST_MUST_RUN") == "1" {
		fmt.Fprintln(os.Stderr, "cannot run here:", why)
	} else {
		// m.Run is the only way to skip: every test asks for this.
		os.Setenv(cannotEnv, why)
		os.Exit(m.Run())
	}
	if err != nil {
		os.Exit(1)
	}
}

const cannotEnv = "JAIL_TEST_CANNOT"

func newUser(more uintptr) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | more,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
}

// jail is a network namespace, in which a thread of its own works.
type jail struct {
	netns *os.File
	calls chan func()
}

func newJail(t testing.TB) *jail {
	t.Helper()
	if why := os.Getenv(cannotEnv); why != "" {
		t.Skip(why)
	}
	j := &jail{calls: make(chan func())}
	made := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			j.netns, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- err
		for call := range j.calls {
			call()
		}
	}()
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(j.calls); j.netns.Close() })
	return j
}

// do runs f in the jail's network namespace.
func (j *jail) do(f func()) {
	done := make(chan struct{})
	j.calls <- func() { defer close(done); f() }
	<-done
}

// dial connects from inside.
func (j *jail) dial(network, address string) (c net.Conn, err error) {
	j.do(func() { c, err = (&net.Dialer{Timeout: 5 * time.Second}).Dial(network, address) })
	return c, err
}

func (j *jail) build(t testing.TB, via string) *Wall {
	t.Helper()
	w, err := Build(j.netns, via)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestRedirect(t *testing.T) {
	j := newJail(t)
	w := j.build(t, network.ViaRedirect)
	for _, to := range []string{"93.184.216.34:443", "198.18.1.0:80", "10.0.0.1:22", "169.254.169.254:80", "198.18.0.2:80", "198.18.0.1:1023", "198.18.0.1:8080", "255.255.255.254:1"} {
		c, err := j.dial("tcp4", to)
		if err != nil {
			t.Errorf("%s: %v", to, err)
			continue
		}
		in, err := w.Relay.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if dst, err := OriginalDst(in.(*net.TCPConn)); to != "198.18.0.1:1023" && (err != nil || dst.String() != to) {
			t.Errorf("%s arrived as %s, %v", to, dst, err)
		}
		if c.RemoteAddr().String() != to {
			t.Errorf("%s: the program sees %s", to, c.RemoteAddr())
		}
		c.Close()
		in.Close()
	}
	// An IPv4 address in an IPv6 socket.
	c, err := j.dial("tcp", "[::ffff:10.0.0.1]:22")
	if err != nil {
		t.Fatal(err)
	}
	in, _ := w.Relay.Accept()
	if dst, err := OriginalDst(in.(*net.TCPConn)); dst.String() != "10.0.0.1:22" {
		t.Error(dst, err)
	}
	c.Close()
	in.Close()
}

func TestDNS(t *testing.T) {
	for _, via := range []string{network.ViaRedirect, network.ViaProxy} {
		j := newJail(t)
		w := j.build(t, via)
		servers := []string{"198.18.0.1:53"}
		if via == network.ViaRedirect {
			servers = append(servers, "8.8.8.8:53", "198.18.1.7:53", "10.0.0.1:53")
		}
		for _, to := range servers {
			c, err := j.dial("udp4", to)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = c.Write([]byte("question"))
			b := make([]byte, 100)
			n, from, err := w.DNS.ReadFrom(b)
			if err != nil || string(b[:n]) != "question" {
				t.Fatal(err, b[:n])
			}
			_, _ = w.DNS.WriteTo([]byte("answer"), from)
			if n, err := c.Read(b); err != nil || string(b[:n]) != "answer" {
				t.Errorf("%s: %v %q", to, err, b[:n])
			}
			c.Close()
			tcp, err := j.dial("tcp4", to)
			if err != nil {
				t.Fatal(err)
			}
			in, err := w.DNSTCP.Accept()
			if err != nil {
				t.Fatal(err)
			}
			in.Close()
			tcp.Close()
		}
	}
}

// TestClosed: what leads nowhere fails at once, with an error.
func TestClosed(t *testing.T) {
	for _, via := range []string{network.ViaRedirect, network.ViaProxy} {
		t.Run(via, func(t *testing.T) {
			j := newJail(t)
			j.build(t, via)
			udp := []string{"8.8.8.8:443", "198.18.0.1:443", "198.18.1.0:123", "198.18.0.2:80", "224.0.0.251:5353", "255.255.255.255:67", "[2001:db8::1]:443", "[fe80::1%lo]:53", "[ff02::1%lo]:5353", "[64:ff9b::808:808]:53"}
			for _, to := range udp {
				c, err := j.dial("udp", to)
				if err != nil {
					continue
				}
				_, err = c.Write([]byte("x"))
				if err == nil {
					_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
					_, err = c.Read(make([]byte, 1))
				}
				if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("udp %s: %v", to, err)
				}
				c.Close()
			}
			tcp := []string{"[2001:db8::1]:443", "[fe80::1%lo]:22", "[64:ff9b::808:808]:443"}
			if via == network.ViaProxy {
				tcp = append(tcp, "93.184.216.34:443", "198.18.1.0:443", "10.0.0.1:22", "198.18.0.2:443")
			}
			for _, to := range tcp {
				c, err := j.dial("tcp", to)
				if err == nil {
					t.Errorf("tcp %s: connected", to)
					c.Close()
				} else if n := net.Error(nil); errors.As(err, &n) && n.Timeout() {
					t.Errorf("tcp %s: %v", to, err)
				}
			}
			j.do(func() {
				for _, proto := range []int{unix.IPPROTO_ICMP, unix.IPPROTO_SCTP, 253} {
					fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
					if err != nil {
						t.Fatal(err) // the test is root here; a jail's programs cannot
					}
					if err := unix.Sendto(fd, []byte("\x08\x00\xf7\xff\x00\x00\x00\x00"), 0, &unix.SockaddrInet4{Addr: [4]byte{8, 8, 8, 8}}); err == nil {
						t.Errorf("protocol %d was sent", proto)
					}
					unix.Close(fd)
				}
			})
		})
	}
}

// TestLoopback: the jail's own services are left alone, on both families.
func TestLoopback(t *testing.T) {
	j := newJail(t)
	w := j.build(t, network.ViaRedirect)
	for _, at := range []string{"127.0.0.1:0", "127.3.2.1:0", "[::1]:0"} {
		var l net.Listener
		var err error
		j.do(func() { l, err = net.Listen("tcp", at) })
		if err != nil {
			t.Fatal(err)
		}
		c, err := j.dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		in, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(in, "mine"); in.Close() }()
		if b, err := io.ReadAll(c); string(b) != "mine" {
			t.Error(at, string(b), err)
		}
		c.Close()
		if at != "127.3.2.1:0" {
			// So do published ports reach it.
			port := netip.MustParseAddrPort(l.Addr().String()).Port()
			c, err := w.Dial(context.Background(), port)
			if err != nil {
				t.Fatal(at, err)
			}
			in, _ := l.Accept()
			go func() { _, _ = io.WriteString(in, "mine"); in.Close() }()
			if b, err := io.ReadAll(c); string(b) != "mine" {
				t.Error(at, string(b), err)
			}
			c.Close()
		}
		l.Close()
	}
	if _, err := w.Dial(context.Background(), 9); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error(err)
	}
	// UDP too.
	var p net.PacketConn
	j.do(func() { p, _ = net.ListenPacket("udp4", "127.0.0.1:0") })
	c, err := j.dial("udp4", p.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write([]byte("x"))
	if n, _, err := p.ReadFrom(make([]byte, 9)); n != 1 {
		t.Error(err)
	}
}

// TestDialEnds: a service that does not accept keeps nobody waiting for ever.
func TestDialEnds(t *testing.T) {
	j := newJail(t)
	w := j.build(t, network.ViaRedirect)
	var port uint16
	j.do(func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
			t.Fatal(err)
		}
		sa, _ := unix.Getsockname(fd)
		port = uint16(sa.(*unix.SockaddrInet4).Port)
	})
	ctx, cancel := context.WithCancel(context.Background())
	errs := make(chan error)
	const n = 4 // a backlog of 0 takes one or two
	for range n {
		go func() {
			c, err := w.Dial(ctx, port)
			if err == nil {
				defer c.Close()
			}
			errs <- err
		}()
	}
	if err := <-errs; err != nil {
		t.Fatal(err) // one gets in
	}
	if _, err := w.Dial(context.Background(), 9); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error("others wait for it:", err)
	}
	cancel()
	canceled := 0
	for range n - 1 {
		if errors.Is(<-errs, context.Canceled) {
			canceled++
		}
	}
	if canceled == 0 {
		t.Error("no dial was cancelled")
	}
	w.Close()
	if _, err := w.Dial(context.Background(), port); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestBrokers: without nftables, brokers have addresses of their own.
func TestBrokers(t *testing.T) {
	j := newJail(t)
	w := j.build(t, network.ViaProxy)
	c, err := j.dial("tcp", "198.18.0.5:80")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in, err := w.Brokers.Accept()
	if err != nil || in.LocalAddr().String() != "198.18.0.5:80" {
		t.Error(in.LocalAddr(), err)
	}
	in.Close()
	c, err = j.dial("tcp", "198.18.0.1:1023")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	in, err = w.Relay.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OriginalDst(in.(*net.TCPConn)); !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOPROTOOPT) {
		t.Error(err)
	}
	in.Close()
}

// TestThread: the thread in the jail's namespace ends with the wall, and no
// other ever got there.
func TestThread(t *testing.T) {
	j := newJail(t)
	var id string
	j.do(func() { id, _ = os.Readlink("/proc/thread-self/ns/net") })
	inside := func() int {
		n := 0
		all, _ := filepath.Glob("/proc/self/task/*/ns/net")
		for _, p := range all {
			if l, _ := os.Readlink(p); l == id {
				n++
			}
		}
		return n
	}
	before := inside() // the test's own
	for range 20 {
		w, err := Build(j.netns, network.ViaProxy)
		if err != nil {
			t.Fatal(err)
		}
		if n := inside(); n != before+1 {
			t.Errorf("%d threads are inside", n-before)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		_ = w.Close()
		j.do(func() { clearGateway(t) })
	}
	for wait := 0; inside() > before; wait++ {
		if wait > 500 {
			t.Fatalf("%d threads are left", inside()-before)
		}
		time.Sleep(10 * time.Millisecond)
	}
	host, _ := os.Readlink("/proc/self/ns/net")
	if host == id {
		t.Error("the process moved")
	}
}

func TestBuildFails(t *testing.T) {
	newJail(t)
	f, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Build(f, network.ViaRedirect); !errors.Is(err, unix.EINVAL) {
		t.Error(err)
	}
	for _, n := range []error{unix.EPROTONOSUPPORT, unix.EOPNOTSUPP, unix.ENOENT} {
		if err := notThere(fmt.Errorf("flush: %w", n)); !errors.Is(err, ErrNoNFTables) || !errors.Is(err, n) {
			t.Error(err)
		}
	}
	if err := notThere(unix.EPERM); err == nil || errors.Is(err, ErrNoNFTables) {
		t.Error(err)
	}
}

// TestNested: root of a user namespace below sees no table and changes none,
// nor routes, addresses or the listeners' ports.
func TestNested(t *testing.T) {
	j := newJail(t)
	j.build(t, network.ViaRedirect)
	var out []byte
	var err error
	j.do(func() {
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), partEnv+"=nested")
		c.SysProcAttr = newUser(0)
		out, err = c.CombinedOutput()
	})
	if err != nil || strings.TrimSpace(string(out)) != "all refused" {
		t.Errorf("%v: %s", err, out)
	}
	// The same as root of the namespace itself works: the attempts are real.
	j.do(func() {
		for what, attempt := range attempts() {
			if err := attempt(); err != nil && what != "listen on 198.18.0.1:1023" && what != "listen on 127.0.0.1:53" {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func attempts() map[string]func() error {
	listen := func(at string) func() error {
		return func() error {
			l, err := net.Listen("tcp4", at)
			if err == nil {
				l.Close()
			}
			return err
		}
	}
	return map[string]func() error{
		"list tables": func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			all, err := c.ListTables()
			if err == nil && len(all) == 0 {
				err = errors.New("none is seen")
			}
			return err
		},
		"add a table": func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "mine"})
			return c.Flush()
		},
		"list rules": func() error {
			c, err := nftables.New()
			if err != nil {
				return err
			}
			_, err = c.GetRules(&nftables.Table{Family: nftables.TableFamilyINet, Name: "jail"}, &nftables.Chain{Name: "output"})
			return err
		},
		"add an address":            addAddress,
		"listen on 198.18.0.1:1023": listen("198.18.0.1:1023"),
		"listen on 127.0.0.1:53":    listen("127.0.0.1:53"),
		"listen on 127.0.0.1:1000":  listen("127.0.0.1:1000"),
	}
}

func nested() int {
	for what, attempt := range attempts() {
		if err := attempt(); err == nil {
			fmt.Println(what, "was possible")
			return 1
		}
	}
	fmt.Println("all refused")
	return 0
}
