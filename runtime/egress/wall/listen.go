package wall

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"

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

// maxWaiting is the longest queue of a listener that is emptied.
const maxWaiting = 4096

// Waiting are the connections from the jail that l has in its queue: made, and accepted
// by nobody.
func Waiting(l net.Listener) (all []*net.TCPConn) {
	t, ok := l.(*net.TCPListener)
	if !ok {
		return nil
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return nil
	}
	_ = raw.Control(func(listener uintptr) {
		for len(all) < maxWaiting {
			fd, _, err := unix.Accept4(int(listener), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
			if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNABORTED) {
				continue
			}
			if err != nil {
				return // the queue is empty, or there are no descriptors left
			}
			f := os.NewFile(uintptr(fd), "connection")
			c, err := net.FileConn(f)
			_ = f.Close()
			if in, ok := c.(*net.TCPConn); ok && err == nil {
				all = append(all, in)
			}
		}
	})
	return all
}
