package wall

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listen opens a port of the jail's loopback, on 127.0.0.1 and, where there is
// IPv6, on ::1.
func (w *Wall) Listen(ctx context.Context, port uint16) ([]net.Listener, error) {
	type result struct {
		all []net.Listener
		err error
	}
	made := make(chan result, 1)
	call := func() {
		lc := net.ListenConfig{KeepAlive: -1}
		four, err := lc.Listen(ctx, "tcp4", netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port).String())
		if err != nil {
			made <- result{err: err}
			return
		}
		all := []net.Listener{four}
		if six, err := lc.Listen(ctx, "tcp6", netip.AddrPortFrom(netip.IPv6Loopback(), port).String()); err == nil {
			all = append(all, six)
		}
		made <- result{all: all}
	}
	select {
	case w.calls <- call:
		r := <-made
		return r.all, r.err
	case <-w.ended:
		return nil, net.ErrClosed
	}
}

// DrainTime is how long Drain waits at most.
const DrainTime = 20 * time.Millisecond

// Drain waits until no connection from the jail is left that nobody has accepted
// yet, nor any that busy knows of. w may be nil.
func (w *Wall) Drain(busy func() bool) {
	if w == nil {
		return
	}
	for end := time.Now().Add(DrainTime); (busy() || waits(w.Relay)) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// waits says whether a connection waits in a listener's queue.
func waits(l net.Listener) (yes bool) {
	c, ok := l.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	err = raw.Control(func(fd uintptr) {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		yes = err == nil && n > 0
	})
	return yes && err == nil
}
