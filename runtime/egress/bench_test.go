package egress

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"

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
