package names

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// serve runs a server on loopback, over both transports at one port, and
// returns its address and a function that ends it.
func serve(t *testing.T, s *Server) (addr string, end func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for _, f := range []func() error{func() error { return s.Serve(l) }, func() error { return s.ServePacket(c) }} {
		running.Go(func() {
			if err := f(); err != nil {
				t.Error(err)
			}
		})
	}
	end = sync.OnceFunc(func() {
		_, _ = l.Close(), c.Close()
		running.Wait()
	})
	t.Cleanup(end)
	return l.Addr().String(), end
}

// TestResolver: Go's own resolver understands the server, over UDP and TCP.
func TestResolver(t *testing.T) {
	addr, _ := serve(t, server(t))
	for _, network := range []string{"udp", "tcp"} {
		r := &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}}
		got, err := r.LookupNetIP(t.Context(), "ip", "a.com.")
		if err != nil || len(got) != 1 || got[0].Unmap() != netip.MustParseAddr("198.18.1.0") {
			t.Errorf("%s: %v, %v", network, got, err)
		}
		if back, err := r.LookupAddr(t.Context(), "198.18.1.0"); err != nil || len(back) != 1 || back[0] != "a.com." {
			t.Errorf("%s: %v, %v", network, back, err)
		}
		for name, notFound := range map[string]bool{"evil.com.": true, "gone.com.": true, "sick.com.": false} {
			_, err := r.LookupNetIP(t.Context(), "ip", name)
			if e := (*net.DNSError)(nil); !errors.As(err, &e) || e.IsNotFound != notFound {
				t.Errorf("%s: %s: %v", network, name, err)
			}
		}
		if txt, err := r.LookupTXT(t.Context(), "a.com."); err == nil {
			t.Error(txt)
		}
	}
}

// TestSlow: a lookup that takes its time holds up no other, on either
// transport, and ends with the server.
func TestSlow(t *testing.T) {
	started := make(chan struct{}, 2)
	s := &Server{Book: NewBook(), Lookup: func(ctx context.Context, name string) Outcome {
		if name == "slow.com" {
			if _, ok := ctx.Deadline(); !ok {
				t.Error("no deadline")
			}
			started <- struct{}{}
			<-ctx.Done()
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Error(ctx.Err())
			}
			return Failed
		}
		return Exists
	}}
	addr, end := serve(t, s)
	for _, network := range []string{"udp", "tcp"} {
		c := dial(t, network, addr)
		send(t, c, packed(t, ask(t, "slow.com.", dnsmessage.TypeA)))
		<-started
		m := ask(t, "a.com.", dnsmessage.TypeA)
		m.ID = 7
		send(t, c, packed(t, m))
		if got := receive(t, c); got.ID != 7 || len(got.Answers) != 1 {
			t.Errorf("%s: %+v", network, got)
		}
	}
	end()
}

// patient has connections that would never be idle.
type patient struct{ net.Listener }

func (p patient) Accept() (net.Conn, error) {
	c, err := p.Listener.Accept()
	return endless{c}, err
}

type endless struct{ net.Conn }

func (endless) SetReadDeadline(time.Time) error { return nil }

// TestEnd: connections end with the server. The test hangs if they do not.
func TestEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- server(t).Serve(patient{l}) }()
	c := dial(t, "tcp", l.Addr().String())
	send(t, c, packed(t, ask(t, "a.com.", dnsmessage.TypeA)))
	receive(t, c)
	_ = l.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestPipelined(t *testing.T) {
	addr, _ := serve(t, server(t))
	c := dial(t, "tcp", addr)
	const n = 100
	var all []byte
	for i := range n {
		m := ask(t, "a.com.", dnsmessage.TypeA)
		m.ID = uint16(i)
		msg := packed(t, m)
		all = append(binary.BigEndian.AppendUint16(all, uint16(len(msg))), msg...)
	}
	go func() {
		for _, b := range all { // length and message arrive in pieces
			if _, err := c.Write([]byte{b}); err != nil {
				t.Error(err)
				return
			}
		}
		_ = c.(*net.TCPConn).CloseWrite() // what was asked is answered all the same
	}()
	seen := map[uint16]bool{}
	for range n {
		got := receive(t, c)
		if seen[got.ID] || len(got.Answers) != 1 {
			t.Errorf("%+v", got)
		}
		seen[got.ID] = true
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the last answer: %v", err)
	}
}

func TestTooManyConnections(t *testing.T) {
	addr, _ := serve(t, server(t))
	var conns []net.Conn
	for range maxConns {
		c := dial(t, "tcp", addr)
		send(t, c, packed(t, ask(t, "a.com.", dnsmessage.TypeA)))
		receive(t, c)
		conns = append(conns, c)
	}
	more := dial(t, "tcp", addr)
	if n, err := more.Read(make([]byte, 1)); err == nil {
		t.Errorf("one more connection is served: %d", n)
	}
	for _, c := range conns {
		send(t, c, packed(t, ask(t, "a.com.", dnsmessage.TypeA)))
		receive(t, c)
	}
}

// slow is a server whose lookups wait for open, and tell started of it. most
// is how many there were at a time.
func slow() (s *Server, started chan struct{}, open func(), most *atomic.Int64) {
	var running atomic.Int64
	most = new(atomic.Int64)
	started = make(chan struct{}, 2*maxDatagrams)
	gate := make(chan struct{})
	return &Server{Book: NewBook(), Lookup: func(_ context.Context, name string) Outcome {
		if name == "fast.com" {
			return Missing
		}
		n := running.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		started <- struct{}{}
		<-gate
		running.Add(-1)
		return Exists
	}}, started, func() { close(gate) }, most
}

// TestManySlow: no more lookups run at a time than there is room for, and those
// that waited are answered.
func TestManySlow(t *testing.T) {
	s, started, open, most := slow()
	addr, _ := serve(t, s)
	c := dial(t, "tcp", addr)
	const n = maxPipelined + 10
	for i := range n {
		send(t, c, packed(t, ask(t, fmt.Sprintf("n%d.com.", i), dnsmessage.TypeA)))
	}
	for range maxPipelined {
		<-started
	}
	other := dial(t, "tcp", addr) // while it is answered, one too many would start
	for range 20 {
		send(t, other, packed(t, ask(t, "fast.com.", dnsmessage.TypeA)))
		receive(t, other)
	}
	open()
	for range n {
		if got := receive(t, c); len(got.Answers) != 1 {
			t.Errorf("%+v", got)
		}
	}
	if most.Load() > maxPipelined {
		t.Errorf("%d lookups at a time", most.Load())
	}
}

// packets is a socket that loses nothing.
type packets struct {
	net.PacketConn
	in, out chan []byte
}

func (p packets) ReadFrom(b []byte) (int, net.Addr, error) {
	msg, ok := <-p.in
	if !ok {
		return 0, nil, net.ErrClosed
	}
	return copy(b, msg), &net.UDPAddr{}, nil
}

func (p packets) WriteTo(b []byte, _ net.Addr) (int, error) {
	p.out <- append([]byte(nil), b...)
	return len(b), nil
}

func TestManySlowDatagrams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, open, most := slow()
		const n = maxDatagrams + 10
		p := packets{in: make(chan []byte, n), out: make(chan []byte, n)}
		msg := packed(t, ask(t, "a.com.", dnsmessage.TypeA))
		for range n {
			p.in <- msg
		}
		done := make(chan error)
		go func() { done <- s.ServePacket(p) }()
		synctest.Wait() // until nothing more begins
		if most.Load() != maxDatagrams {
			t.Errorf("%d lookups at a time", most.Load())
		}
		open()
		for range n {
			<-p.out
		}
		close(p.in)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func dial(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute)) // a lost answer fails, and does not hang
	return c
}

func send(t *testing.T, c net.Conn, msg []byte) {
	t.Helper()
	if c.LocalAddr().Network() == "tcp" {
		msg = append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
	}
	if _, err := c.Write(msg); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c net.Conn) dnsmessage.Message {
	t.Helper()
	var (
		msg []byte
		err error
		m   dnsmessage.Message
	)
	if c.LocalAddr().Network() == "tcp" {
		msg, err = readMessage(c)
	} else {
		msg = make([]byte, maxAnswer)
		var n int
		n, err = c.Read(msg)
		msg = msg[:n]
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Unpack(msg); err != nil {
		t.Fatal(err)
	}
	return m
}
