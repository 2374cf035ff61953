package splice

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// loop serves until the end of the test.
func loop(t *testing.T) *Loop {
	t.Helper()
	l, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { l.Serve(); close(done) }()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l
}

// ends are a client's and a server's end of one connection.
func ends(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client, server = c.(*net.TCPConn), s.(*net.TCPConn)
	for _, c := range []*net.TCPConn{client, server} {
		_ = c.SetDeadline(time.Now().Add(time.Minute)) // a lost byte fails, and does not hang
		t.Cleanup(func() { _ = c.Close() })
	}
	return client, server
}

// joined are the outer ends of a pair of l, and its errors when it has ended.
func joined(t *testing.T, l *Loop) (a, b *net.TCPConn, p *Pair, ended chan error) {
	t.Helper()
	a, in := ends(t)
	out, b := ends(t)
	ended = make(chan error, 2)
	p, err := l.Join(in, out, func(err error) { ended <- err })
	if err != nil {
		t.Fatal(err)
	}
	return a, b, p, ended
}

// passes: what is written to one end comes from the other.
func passes(t *testing.T, from, to *net.TCPConn, text string) {
	t.Helper()
	if _, err := io.WriteString(from, text); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(to, b); err != nil || string(b) != text {
		t.Fatalf("%q, %v", b, err)
	}
}

// soon: what has arrived is counted a moment later.
func soon(is func() bool) bool {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if is() {
			return true
		}
	}
	return false
}

// TestJoin: bytes flow both ways, and what came before as well; the end of one
// direction is passed on while the other flows.
func TestJoin(t *testing.T) {
	l := loop(t)
	a, in := ends(t)
	out, b := ends(t)
	if _, err := io.WriteString(a, "early "); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	p, err := l.Join(in, out, func(err error) { ended <- err })
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(b, got); err != nil || string(got) != "early " {
		t.Fatal(string(got), err)
	}
	for range 3 {
		passes(t, a, b, "there")
		passes(t, b, a, "back")
	}
	_ = a.CloseWrite()
	if n, err := b.Read(got); !errors.Is(err, io.EOF) {
		t.Error(n, err)
	}
	passes(t, b, a, "still")
	if !soon(func() bool { there, back := p.Moved(); return there == 6+3*5 && back == 3*4+5 }) {
		t.Error(p.Moved())
	}
	if !soon(p.Half) {
		t.Error("no direction has ended")
	}
	_ = b.CloseWrite()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n, err := a.Read(got); !errors.Is(err, io.EOF) {
		t.Error(n, err)
	}
	p.Abort()
	select {
	case err := <-ended:
		t.Error("it has ended twice", err)
	case <-time.After(10 * time.Millisecond):
	}
}

// TestReset: a reset of one side is one of the other.
func TestReset(t *testing.T) {
	l := loop(t)
	a, b, _, ended := joined(t, l)
	passes(t, a, b, "x")
	_ = b.SetLinger(0)
	_ = b.Close()
	if n, err := a.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Error(n, err)
	}
	if err := <-ended; !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
}

// TestAbort resets both sides, whatever flows at that moment.
func TestAbort(t *testing.T) {
	l := loop(t)
	a, b, p, ended := joined(t, l)
	passes(t, a, b, "x")
	p.Abort()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, c := range []*net.TCPConn{a, b} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
			t.Error(err)
		}
	}
	a, b, p, ended = joined(t, l)
	written := make(chan error)
	go func() {
		_, err := io.Copy(a, endless{})
		written <- err
	}()
	if _, err := io.CopyN(io.Discard, b, 1<<20); err != nil {
		t.Fatal(err)
	}
	p.Abort()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := <-written; !errors.Is(err, unix.ECONNRESET) && !errors.Is(err, unix.EPIPE) {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, b); !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
}

// endless is what has no end.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// TestMany: megabytes flow through many pairs at once, both ways, and none is lost.
func TestMany(t *testing.T) {
	l := loop(t)
	var all sync.WaitGroup
	for i := range 20 {
		a, b, _, _ := joined(t, l)
		for _, way := range [][2]*net.TCPConn{{a, b}, {b, a}} {
			sent := bytes.Repeat([]byte{byte(i), 1, 2}, 1<<20)
			all.Go(func() {
				_, _ = way[0].Write(sent)
				_ = way[0].CloseWrite()
			})
			all.Go(func() {
				if got, err := io.ReadAll(way[1]); err != nil || !bytes.Equal(got, sent) {
					t.Errorf("%d of %d bytes, %v", len(got), len(sent), err)
				}
			})
		}
	}
	all.Wait()
}

// TestSlow: a receiver that does not read holds up the sender, and gets all when
// it does.
func TestSlow(t *testing.T) {
	l := loop(t)
	a, b, _, _ := joined(t, l)
	_ = a.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	sent, err := io.Copy(a, endless{})
	if !errors.Is(err, os.ErrDeadlineExceeded) || sent > 1<<28 {
		t.Fatal(sent, err)
	}
	_ = a.CloseWrite()
	if got, err := io.Copy(io.Discard, b); got != sent || err != nil {
		t.Errorf("%d bytes of %d: %v", got, sent, err)
	}
}

// TestQuiet: pairs in which nothing moves have no goroutines, and no pipes.
func TestQuiet(t *testing.T) {
	l := loop(t)
	before := runtime.NumGoroutine()
	for range 50 {
		a, b, _, _ := joined(t, l)
		passes(t, a, b, "x")
		passes(t, b, a, "x")
	}
	for began := time.Now(); runtime.NumGoroutine() > before+5; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	pipes.Lock()
	defer pipes.Unlock()
	if len(pipes.free) > maxFree {
		t.Error(len(pipes.free))
	}
}
