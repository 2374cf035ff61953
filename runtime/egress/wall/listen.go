package wall

import (
	"context"
	"net"
	"net/netip"
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
