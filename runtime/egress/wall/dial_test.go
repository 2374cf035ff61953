package wall

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

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
