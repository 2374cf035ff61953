package egress

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestHalfClose: the end of one direction is passed on, and the other flows.
func TestHalfClose(t *testing.T) {
	// The server is the first to end, and goes on reading.
	got := make(chan string, 1)
	serve(t, "93.184.216.34:80", func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "bye")
		_ = c.CloseWrite()
		b, _ := io.ReadAll(c)
		got <- string(b)
	})
	w := newWorld(t, mode(network.Internet))
	c := w.mustTo("good.example:80")
	if b, err := io.ReadAll(c); string(b) != "bye" || err != nil {
		t.Fatal(string(b), err)
	}
	if _, err := io.WriteString(c, "still here"); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if s := <-got; s != "still here" {
		t.Error(s)
	}
	if e := w.lastEvent(Allow, 1); e.Sent != 10 || e.Received != 3 || e.Why != "" {
		t.Errorf("%+v", e)
	}
}

// TestVanish: a reset of one side is one of the other, and leaves nothing.
func TestVanish(t *testing.T) {
	ended := make(chan error, 2)
	server := make(chan *net.TCPConn, 1)
	serve(t, "93.184.216.34:80", func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "x")
		server <- c
		_, err := io.Copy(io.Discard, c)
		ended <- err
	})
	w := newWorld(t, mode(network.Internet))
	connected := func() *net.TCPConn {
		c := w.mustTo("good.example:80")
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := connected()
	<-server
	reset(c)
	if err := <-ended; !errors.Is(err, unix.ECONNRESET) {
		t.Error("the client vanished, the server saw:", err)
	}
	c = connected()
	reset(<-server)
	if err := isReset(c); err != nil {
		t.Error("the server vanished, the client saw:", err)
	}
	w.lastEvent(Allow, 2)
	w.empty()
}

// empty waits until the session has no connection.
func (w *world) empty() {
	w.t.Helper()
	for range 1000 {
		w.session.mu.Lock()
		n := len(w.session.open)
		w.session.mu.Unlock()
		if n == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatal("connections are left")
}

// TestBackPressure: a receiver that does not read holds up the sender, and no
// byte is lost when it does.
func TestBackPressure(t *testing.T) {
	read := make(chan struct{})
	sum := make(chan int64, 1)
	serve(t, "93.184.216.34:80", func(c *net.TCPConn) {
		<-read
		n, _ := io.Copy(io.Discard, c)
		sum <- n
	})
	w := newWorld(t, mode(network.Internet))
	c := w.mustTo("good.example:80")
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	b := make([]byte, 1<<20)
	var sent int64
	for {
		n, err := c.Write(b)
		sent += int64(n)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if sent > 1<<28 {
			t.Fatal("nothing holds the sender up")
		}
	}
	close(read)
	_ = c.CloseWrite()
	if n := <-sum; n != sent {
		t.Errorf("%d bytes sent, %d received", sent, n)
	}
}

// many is how many connections the tests open at the same time.
const many = 2000

// TestMany connections are open and work at the same time.
func TestMany(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	w := newWorld(t, mode(network.Internet))
	conns := w.openMany(t)
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			text := fmt.Sprintf("number %d", i)
			_, _ = io.WriteString(c, text)
			_ = c.CloseWrite()
			b, err := io.ReadAll(c)
			if string(b) != text || err != nil {
				t.Errorf("%d: %q, %v", i, b, err)
			}
		})
	}
	wg.Wait()
	w.lastEvent(Allow, many)
	w.empty()
}

// openMany opens many connections by name.
func (w *world) openMany(t testing.TB) []*net.TCPConn {
	t.Helper()
	a, err := w.lookup("good.example")
	if err != nil {
		t.Fatal(err)
	}
	conns := make([]*net.TCPConn, many)
	w.do(func() {
		for i := range conns {
			c, err := net.Dial("tcp", netip.AddrPortFrom(a, 80).String())
			if err != nil {
				t.Errorf("connection %d: %v", i, err)
				return
			}
			conns[i] = c.(*net.TCPConn)
		}
	})
	t.Cleanup(func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	greeting := make([]byte, len("93.184.216.34:80\n"))
	for i, c := range conns {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.ReadFull(c, greeting); err != nil {
			t.Fatal(i, err)
		}
	}
	return conns
}
