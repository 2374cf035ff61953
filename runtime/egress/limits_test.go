package egress

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestTooMany: one more is reset, and the others are not.
func TestTooMany(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	w := newWorld(t, mode(network.Internet), func(_ *world, _ *Options, l *limits) { l.open = 3 })
	var open []*net.TCPConn
	for range 3 {
		c := w.mustTo("good.example:80")
		if _, err := c.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	if err := w.refused("good.example:80"); err != nil {
		t.Error(err)
	}
	if e := w.lastEvent(Fail, 1); !strings.Contains(e.Why, "too many") {
		t.Errorf("%+v", e)
	}
	for _, c := range open {
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Error(err)
		}
	}
	reset(open[0])
	w.lastEvent(Allow, 1)
	if err := talk(w.mustTo("good.example:80"), "93.184.216.34:80"); err != nil {
		t.Error(err)
	}
}

// TestIdle: what does not move ends.
func TestIdle(t *testing.T) {
	serve(t, "93.184.216.34:80", echo)
	w := newWorld(t, mode(network.Internet), func(_ *world, _ *Options, l *limits) {
		l.watch, l.idle, l.halfIdle = 20*time.Millisecond, 200*time.Millisecond, time.Hour
	})
	c, err := w.to("good.example:80")
	if err == nil {
		_, err = io.ReadAll(c)
	}
	if !errors.Is(err, unix.ECONNRESET) {
		t.Error(err)
	}
	if e := w.lastEvent(Allow, 1); e.Why != "idle" {
		t.Errorf("%+v", e)
	}
}

// TestLook: what moves stays, however little that is.
func TestLook(t *testing.T) {
	l := limits{watch: time.Minute, idle: 5 * time.Minute, halfIdle: 2 * time.Minute}
	k := &link{in: new(net.TCPConn)}
	for range 10 {
		k.look(l) // it does not flow yet
	}
	for moved := range 20 {
		for range 5 {
			k.lookAt(int64(moved+1), false, l)
		}
	}
	if k.why != "" {
		t.Error("ended, though it moved")
	}
	if k.lookAt(20, false, l); k.why == "" {
		t.Error("it did not end")
	}
}

// TestHalfIdle: what has ended in one direction has less time, what has not
// stays.
func TestHalfIdle(t *testing.T) {
	w := newWorld(t, mode(network.Internet), func(_ *world, _ *Options, l *limits) {
		l.watch, l.halfIdle, l.idle = 20*time.Millisecond, 100*time.Millisecond, time.Hour
	})
	serve(t, "93.184.216.34:80", echo)
	// This server does not end its direction.
	serve(t, "93.184.216.34:81", func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c); <-w.session.ctx.Done() })
	whole, half := w.mustTo("good.example:80"), w.mustTo("good.example:81")
	_ = half.CloseWrite()
	if err := isReset(half); err != nil {
		t.Error(err)
	}
	if err := talk(whole, "93.184.216.34:80"); err != nil {
		t.Error(err)
	}
}

// TestFiles: Go has raised the soft limit, so that the hard one is what counts.
func TestFiles(t *testing.T) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil || l.Cur != l.Max {
		t.Error(l, err)
	}
	if n := defaultLimits().open; n > 4096 || uint64(2*n) > l.Cur {
		t.Error(n, l)
	}
}
