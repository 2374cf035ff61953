package wall

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

func TestRedirect(t *testing.T) {
	j := newJail(t)
	w := j.build(t, network.ViaRedirect)
	for _, to := range []string{"93.184.216.34:443", "198.18.1.0:80", "10.0.0.1:22", "169.254.169.254:80", "198.18.0.2:80", "198.18.0.1:1023", "198.18.0.1:8080", "255.255.255.254:1"} {
		dst := to
		if to == "198.18.0.1:1023" {
			dst = "" // the relay's own: nothing redirected it
		}
		j.arrives(t, w.Relay, "tcp4", to, dst)
	}
	// An IPv4 address in an IPv6 socket.
	j.arrives(t, w.Relay, "tcp", "[::ffff:10.0.0.1]:22", "10.0.0.1:22")
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
				j.nowhere(t, to)
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
			if via == network.ViaRedirect {
				// Not even with a route.
				var l net.Listener
				var err error
				j.do(func() { l, err = routeIPv6() })
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				if _, err := j.dial("tcp", "[fd00::2]:443"); !errors.Is(err, unix.ECONNREFUSED) {
					t.Error("IPv6 with a route:", err)
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
		w, err := Build(j.netns, network.ViaProxy, false)
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
		for wait := 0; inside() > before; wait++ {
			if wait > 500 {
				t.Fatalf("%d threads are left", inside()-before)
			}
			time.Sleep(10 * time.Millisecond)
		}
		j.do(func() { clearGateway(t) })
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
	if _, err := Build(f, network.ViaRedirect, false); !errors.Is(err, unix.EINVAL) {
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
