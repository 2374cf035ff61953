package egress

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// resident is the memory of this process, in bytes.
func resident() int {
	runtime.GC()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, rss int
	_, _ = fmt.Sscan(string(b), &size, &rss)
	return rss * os.Getpagesize()
}

// ways to the server: through a jail's relay, and on the loopback itself.
func ways(b *testing.B, port uint16) map[string]func() net.Conn {
	w := newWorld(b, mode(network.Internet))
	a, err := w.lookup("good.example")
	if err != nil {
		b.Fatal(err)
	}
	through := netip.AddrPortFrom(a, port).String()
	return map[string]func() net.Conn{
		"relay": func() (c net.Conn) {
			w.do(func() { c, err = net.Dial("tcp", through) })
			if err != nil {
				b.Fatal(err)
			}
			return c
		},
		"direct": func() net.Conn {
			c, err := net.Dial("tcp", netip.AddrPortFrom(public, port).String())
			if err != nil {
				b.Fatal(err)
			}
			return c
		},
	}
}

// BenchmarkThroughput is one stream to a server that discards it, and one from
// a server that sends.
func BenchmarkThroughput(b *testing.B) {
	const size = 64 << 10
	serve(b, "93.184.216.34:9", func(c *net.TCPConn) {
		buf := make([]byte, 1<<20)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	})
	for what, dial := range ways(b, 9) {
		b.Run(what, func(b *testing.B) {
			c := dial()
			defer c.Close()
			buf := make([]byte, size)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRoundTrip is one byte there and back.
func BenchmarkRoundTrip(b *testing.B) {
	serve(b, "93.184.216.34:7", func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	for what, dial := range ways(b, 7) {
		b.Run(what, func(b *testing.B) {
			c := dial()
			defer c.Close()
			buf := make([]byte, 1)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(c, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkConnect is a new connection, one byte there and back, and its end.
func BenchmarkConnect(b *testing.B) {
	serve(b, "93.184.216.34:7", func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	for what, dial := range ways(b, 7) {
		b.Run(what, func(b *testing.B) {
			buf := make([]byte, 1)
			for b.Loop() {
				c := dial()
				if _, err := c.Write(buf); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(c, buf); err != nil {
					b.Fatal(err)
				}
				reset(c.(*net.TCPConn))
			}
		})
	}
}

// BenchmarkStart is a session from nothing to where programs can run, and its
// end.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		w := newWorld(b, mode(network.Filtered, "good.example"))
		w.close()
	}
}

// BenchmarkIdle is the memory of idle connections in this process: two
// goroutines each of the relay, and four sockets, of which two are the test's.
func BenchmarkIdle(b *testing.B) {
	l, err := net.Listen("tcp", "93.184.216.34:80")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintf(c, "%s\n", c.LocalAddr())
			b.Cleanup(func() { c.Close() })
		}
	}()
	w := newWorld(b, mode(network.Internet))
	for b.Loop() {
		before := resident()
		conns := w.openMany(b)
		b.ReportMetric(float64(resident()-before)/many, "B/connection")
		for _, c := range conns {
			reset(c)
		}
		w.empty()
	}
}

// BenchmarkAllow is from the user's yes to the first byte from outside, for a
// connection that waits.
func BenchmarkAllow(b *testing.B) {
	serve(b, "93.184.216.34:80", echo)
	w := newWorld(b, mode(network.Filtered), func(_ *world, o *Options, _ *limits) { o.Config.Ask = true })
	n := 0
	for b.Loop() {
		b.StopTimer()
		if n++; n > 900 { // a jail takes no rules without end
			b.Fatal("at most 900 times: -benchtime 900x")
		}
		to := fmt.Sprintf("n%d.example", n)
		w.mu.Lock()
		w.names[to+"."] = []netip.Addr{public}
		w.mu.Unlock()
		c := w.mustTo(to + ":80")
		for len(w.session.Waiting()) == 0 {
			time.Sleep(100 * time.Microsecond)
		}
		b.StartTimer()
		if err := w.session.Allow([]string{to + ":80"}); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

// BenchmarkAsked is a connection by a name that was asked about and allowed, and by
// turns one by a name that the policy allows: how much longer the first one takes.
func BenchmarkAsked(b *testing.B) {
	serve(b, "93.184.216.34:80", echo)
	w := newWorld(b, mode(network.Filtered, "other.example:80"), name("other.example", public), func(_ *world, o *Options, _ *limits) { o.Config.Ask = true })
	if err := w.session.Allow([]string{"good.example:80"}); err != nil {
		b.Fatal(err)
	}
	names := []string{"good.example:80", "other.example:80"}
	var took [2][]time.Duration
	for b.Loop() {
		for i, to := range names {
			begun := time.Now()
			c := w.mustTo(to)
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(begun))
			c.Close()
		}
	}
	for i := range took {
		slices.Sort(took[i])
	}
	median := func(i int) float64 { return float64(took[i][len(took[i])/2].Microseconds()) }
	b.ReportMetric(median(0), "µs/asked")
	b.ReportMetric(median(0)-median(1), "µs/more")
}
