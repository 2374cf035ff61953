package egress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/egress/report"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// world is a session, a program in its jail, and what it talks to.
type world struct {
	t       testing.TB
	session *Session
	netns   *os.File
	calls   chan func()
	closed  *report.Summary
	count   atomic.Int64 // of refused destinations

	mu     sync.Mutex
	log    bytes.Buffer
	names  map[string][]netip.Addr // a. -> addresses
	asked  []string                // names looked up outside
	dialed []netip.AddrPort
	// hold keeps dials until it is closed.
	hold chan struct{}
	// own says which addresses are this host's. The world's are all on its lo,
	// so that the kernel would say so of each.
	own func(netip.AddrPort) (bool, error)
}

func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

// lookupHost is the resolver of the outside world.
func (w *world) lookupHost(_ context.Context, name string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, name)
	if a, ok := w.names[name]; ok {
		return slices.Clone(a), nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (w *world) dialOut(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	w.mu.Lock()
	w.dialed = append(w.dialed, to)
	hold := w.hold
	w.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return dialTCP(ctx, to)
}

func (w *world) isOwn(to netip.AddrPort) (bool, error) {
	if w.own == nil {
		return false, nil
	}
	return w.own(to)
}

// owning makes addresses this host's own.
func owning(addrs ...netip.Addr) change {
	return func(w *world, _ *Options, _ *limits) {
		w.own = func(to netip.AddrPort) (bool, error) { return slices.Contains(addrs, to.Addr()), nil }
	}
}

// change of the options or the limits of a world.
type change func(*world, *Options, *limits)

func mode(mode string, allow ...string) change {
	return func(_ *world, o *Options, _ *limits) { o.Config.Mode, o.Config.Allow = mode, allow }
}

func denying(rules ...string) change {
	return func(_ *world, o *Options, _ *limits) { o.Config.Deny = rules }
}

func anyTLS(_ *world, o *Options, _ *limits)   { o.Config.TLS = network.TLSAny }
func viaProxy(_ *world, o *Options, _ *limits) { o.Config.Via = network.ViaProxy }

func name(host string, addrs ...netip.Addr) change {
	return func(w *world, _ *Options, _ *limits) { w.names[host+"."] = addrs }
}

// newWorld starts a session, by default filtered with strict TLS. There is
// good.example, of a public address.
func newWorld(t testing.TB, changes ...change) *world {
	t.Helper()
	w, err := tryWorld(t, changes...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func tryWorld(t testing.TB, changes ...change) (*world, error) {
	t.Helper()
	if why := os.Getenv(cannotEnv); why != "" {
		t.Skip(why)
	}
	w := &world{t: t, calls: make(chan func()), names: map[string][]netip.Addr{"good.example.": {public}}}
	made := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			w.netns, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- err
		for call := range w.calls {
			call()
		}
	}()
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(w.calls); w.netns.Close() })
	o := Options{
		Config: &network.Network{Config: network.Config{Mode: network.Filtered, Via: network.ViaRedirect, TLS: network.TLSStrict}},
		NetNS:  w.netns, Refused: &w.count, Log: w, LookupHost: w.lookupHost, Dial: w.dialOut, Own: w.isOwn,
	}
	l := defaultLimits()
	for _, c := range changes {
		c(w, &o, &l)
	}
	var err error
	if o.Config, err = o.Config.Parse(); err != nil {
		t.Fatal(err)
	}
	s, err := start(o, l)
	if err != nil {
		return nil, err
	}
	w.session = s
	t.Cleanup(func() { w.close() })
	return w, nil
}

func (w *world) close() *report.Summary {
	if w.closed == nil {
		w.closed = w.session.Close()
	}
	return w.closed
}

// do runs f inside.
func (w *world) do(f func()) {
	done := make(chan struct{})
	w.calls <- func() { defer close(done); f() }
	<-done
}

// dial connects inside, to an address.
func (w *world) dial(network, address string) (c net.Conn, err error) {
	w.do(func() { c, err = (&net.Dialer{Timeout: 5 * time.Second}).Dial(network, address) })
	if err == nil {
		w.t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	}
	return c, err
}

// lookup asks the jail's name server.
func (w *world) lookup(host string) (netip.Addr, error) {
	r := &net.Resolver{PreferGo: true, Dial: func(_ context.Context, network, _ string) (net.Conn, error) {
		return w.dial(network, "198.18.0.1:53")
	}}
	a, err := r.LookupNetIP(context.Background(), "ip4", host+".")
	if err != nil {
		return netip.Addr{}, err
	}
	return a[0].Unmap(), nil
}

// to connects inside, as programs do: "NAME:PORT" or an address.
func (w *world) to(address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := netip.ParseAddr(host); err != nil {
		a, err := w.lookup(host)
		if err != nil {
			return nil, err
		}
		host = a.String()
	}
	return w.dial("tcp", net.JoinHostPort(host, port))
}

// mustTo is to, where it has to work.
func (w *world) mustTo(address string) *net.TCPConn {
	w.t.Helper()
	c, err := w.to(address)
	if err != nil {
		w.t.Fatalf("%s: %v", address, err)
	}
	return c.(*net.TCPConn)
}

// events are those of the log with this verdict.
func (w *world) events(verdict string) []Event {
	w.mu.Lock()
	text := w.log.String()
	w.mu.Unlock()
	var all []Event
	for line := range strings.Lines(text) {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		if e.Verdict == verdict {
			all = append(all, e)
		}
	}
	return all
}

// lastEvent waits for the n-th event with this verdict that is no query.
func (w *world) lastEvent(verdict string, n int) Event {
	w.t.Helper()
	for range 1000 {
		all := slices.DeleteFunc(w.events(verdict), func(e Event) bool { return e.Kind == KindDNS })
		if len(all) >= n {
			return all[n-1]
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Fatalf("no event %d with verdict %s:\n%s", n, verdict, w.log.String())
	return Event{}
}

// dials are the addresses that were dialled outside.
func (w *world) dials() []netip.AddrPort {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dialed)
}

// isReset reads, which has to end in a reset without a byte before. What answers
// instead is not waited for.
func isReset(c net.Conn) error {
	b := make([]byte, 100)
	n, err := c.Read(b)
	if !errors.Is(err, unix.ECONNRESET) || n > 0 {
		return fmt.Errorf("not reset: %q, %w", b[:n], errors.Join(err, errors.New("end")))
	}
	return nil
}

// refused connects inside, which has to end in a reset: of the connect itself,
// or right after it.
func (w *world) refused(address string) error {
	c, err := w.to(address)
	if errors.Is(err, unix.ECONNRESET) {
		return nil
	}
	if err != nil {
		return err
	}
	return isReset(c)
}

// serve accepts on an address of the outside world.
func serve(t testing.TB, address string, f func(*net.TCPConn)) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c.(*net.TCPConn))
			}()
		}
	}()
}

// echo says its own address and then what it is told.
func echo(c *net.TCPConn) {
	_, _ = fmt.Fprintf(c, "%s\n", c.LocalAddr())
	_, _ = io.Copy(c, c)
}

// talk does a conversation with echo, which has to be at this address.
func talk(c *net.TCPConn, at string) error {
	if _, err := io.WriteString(c, "hello"); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	b, err := io.ReadAll(c)
	if err != nil || string(b) != at+"\nhello" {
		return fmt.Errorf("not echo at %s: %q, %w", at, b, errors.Join(err, errors.New("end")))
	}
	return nil
}
