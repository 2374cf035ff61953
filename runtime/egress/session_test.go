package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestPorts: a service of the jail on the host's loopback.
func TestPorts(t *testing.T) {
	const port = 3000
	w := newWorld(t, func(_ *world, o *Options, _ *limits) { o.Config.Ports = []uint16{port} })
	host := func() (*net.TCPConn, error) {
		c, err := net.Dial("tcp", "127.0.0.1:3000")
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { c.Close() })
		return c.(*net.TCPConn), c.SetDeadline(time.Now().Add(20 * time.Second))
	}
	c, err := host()
	if err == nil {
		err = isReset(c)
	}
	if err != nil && !errors.Is(err, unix.ECONNRESET) {
		t.Error("nobody listens inside:", err)
	}
	w.lastEvent(Fail, 1)
	var l net.Listener
	w.do(func() { l, err = net.Listen("tcp", "127.0.0.1:3000") })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			echo(c.(*net.TCPConn))
			c.Close()
		}
	}()
	if c, err = host(); err != nil {
		t.Fatal(err)
	}
	if err := talk(c, "127.0.0.1:3000"); err != nil {
		t.Error(err)
	}
	if e := w.lastEvent(Allow, 1); e.Kind != KindPort || e.Port != port || e.Sent != 5 {
		t.Errorf("%+v", e)
	}
	// Nobody else's address has it.
	if c, err := net.Dial("tcp", "93.184.216.34:3000"); err == nil {
		c.Close()
		t.Error("it is published beyond the loopback")
	}
	w.close()
	if c, err := net.Dial("tcp", "127.0.0.1:3000"); err == nil {
		c.Close()
		t.Error("it is still published")
	}
}

// TestPortTaken: nothing starts.
func TestPortTaken(t *testing.T) {
	if why := os.Getenv(cannotEnv); why != "" {
		t.Skip(why)
	}
	serve(t, "127.0.0.1:3001", echo)
	_, err := tryWorld(t, func(_ *world, o *Options, _ *limits) { o.Config.Ports = []uint16{3000, 3001} })
	h, hinted := errors.AsType[*hint.Error](err)
	if !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), "3001") || !hinted || !strings.Contains(h.Lines[0], ":3001") {
		t.Fatal(err)
	}
	serve(t, "127.0.0.1:3000", echo) // it was given back
}

// TestClose ends everything, whatever it waits for.
func TestClose(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	before := goroutines()
	looking := make(chan struct{}, 10)
	allow := mode(network.Filtered, "good.example", "good.example:*", "slow.example", "held.example:81")
	w := newWorld(t, allow, name("held.example", public2), func(w *world, o *Options, _ *limits) {
		o.LookupHost = func(ctx context.Context, name string) ([]netip.Addr, error) {
			if name == "slow.example." {
				looking <- struct{}{}
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return w.lookupHost(ctx, name)
		}
	})
	flowing := w.mustTo("good.example:80")
	if _, err := flowing.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	silent := w.mustTo("good.example:443")
	w.mu.Lock()
	w.hold = make(chan struct{})
	w.mu.Unlock()
	dialing := w.mustTo("held.example:81")
	u, err := w.dial("udp", "198.18.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	// A query: ID, RD, one question, slow.example. A IN.
	if _, err := u.Write([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04slow\x07example\x00\x00\x01\x00\x01")); err != nil {
		t.Fatal(err)
	}
	<-looking
	for len(w.dials()) < 2 {
		time.Sleep(time.Millisecond)
	}
	w.close()
	for what, c := range map[string]net.Conn{"flowing": flowing, "silent": silent, "dialing": dialing} {
		if err := isReset(c); err != nil {
			t.Error(what, err)
		}
	}
	if _, err := w.dial("tcp", "198.18.0.1:1023"); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error("the relay still listens:", err)
	}
	if _, err := w.dial("tcp", "93.184.216.34:80"); err == nil {
		t.Error("the namespace is open")
	}
	for wait := 0; goroutines() > before; wait++ {
		if wait > 500 {
			b := make([]byte, 1<<20)
			t.Fatalf("goroutines are left:\n%s", b[:runtime.Stack(b, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
	if again := w.session.Close(); again == nil {
		t.Error("a second Close has no summary")
	}
}

// goroutines of this package's sessions.
func goroutines() int {
	b := make([]byte, 16<<20)
	s := string(b[:runtime.Stack(b, true)])
	return strings.Count(s, "egress.(*Session)") + strings.Count(s, "egress.(*link)") + strings.Count(s, "wall.Build")
}

// TestCloseDecidesTheLast: what is asked for right before the end is refused and
// logged as before it, also where the answer depends on what was sent.
func TestCloseDecidesTheLast(t *testing.T) {
	t.Parallel()
	for range 20 {
		w := newWorld(t, mode(network.Filtered, "good.example"))
		const each = 8
		for i := range each {
			_, _ = w.dial("tcp", fmt.Sprintf("198.51.100.7:%d", 1000+i))
			if _, err := w.mustTo("good.example:443").Write([]byte("not TLS, whatever it is\n")); err != nil {
				t.Fatal(err)
			}
		}
		w.close()
		seen := map[string]int{}
		for _, e := range w.events(Deny) {
			seen[e.Address+e.Name] += max(1, e.Count)
		}
		if seen["198.51.100.7"] != each || seen["good.example"] != each || len(seen) != 2 {
			t.Fatalf("%v\n%s", seen, w.log.String())
		}
	}
}

// TestCloseWaitsForNobody: a program that has sent a part of what is decided on does
// not keep Close waiting for the rest.
func TestCloseWaitsForNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mode(network.Filtered, "good.example"), func(_ *world, _ *Options, l *limits) { l.handshake = time.Hour })
	c := w.mustTo("good.example:443")
	if _, err := c.Write([]byte("\x16\x03\x01\x02")); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() { w.close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("it waits for the rest of a ClientHello")
		c.Close()
		<-closed
	}
	if e := w.lastEvent(Fail, 1); e.Name != "good.example" || !strings.Contains(e.Why, "no ClientHello") {
		t.Errorf("%+v", e)
	}
}

// TestAcceptedToTheLast: a listener that ends hands on what waits in its queue.
func TestAcceptedToTheLast(t *testing.T) {
	w := newWorld(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const clients = 5
	for range clients {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	_ = l.(*net.TCPListener).SetDeadline(time.Unix(1, 0))
	served := make(chan struct{}, clients)
	w.session.accept(l, func(k *link) { k.finish(); served <- struct{}{} })
	for i := range clients {
		select {
		case <-served:
		case <-time.After(10 * time.Second):
			t.Fatalf("%d of %d were served", i, clients)
		}
	}
}
