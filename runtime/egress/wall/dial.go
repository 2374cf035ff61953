package wall

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Dial connects to a port of the jail's loopback: on 127.0.0.1, and where
// nothing listens there, on ::1.
func (w *Wall) Dial(ctx context.Context, port uint16) (net.Conn, error) {
	c, err := w.dial(ctx, &unix.SockaddrInet4{Port: int(port), Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}).As4()})
	if errors.Is(err, unix.ECONNREFUSED) {
		if c6, err := w.dial(ctx, &unix.SockaddrInet6{Port: int(port), Addr: netip.IPv6Loopback().As16()}); err == nil {
			return c6, nil
		}
	}
	return c, err
}

// dial has the thread make the socket and connects it here: a program inside
// that does not accept keeps nobody else waiting.
func (w *Wall) dial(ctx context.Context, to unix.Sockaddr) (net.Conn, error) {
	domain := unix.AF_INET
	if _, ok := to.(*unix.SockaddrInet6); ok {
		domain = unix.AF_INET6
	}
	fd, err := w.socket(ctx, domain)
	if err != nil {
		return nil, err
	}
	connecting := unix.Connect(fd, to)
	// In the poller only now: a socket that is not connecting yet polls as
	// hung up.
	f := os.NewFile(uintptr(fd), "published port")
	defer f.Close() // net.FileConn has its own
	if errors.Is(connecting, unix.EINPROGRESS) {
		connecting = connected(ctx, f)
	}
	if connecting != nil {
		return nil, os.NewSyscallError("connect", connecting)
	}
	return net.FileConn(f)
}

func (w *Wall) socket(ctx context.Context, domain int) (int, error) {
	type result struct {
		fd  int
		err error
	}
	made := make(chan result, 1)
	call := func() {
		fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		made <- result{fd, os.NewSyscallError("socket", err)}
	}
	select {
	case w.calls <- call:
		r := <-made
		return r.fd, r.err
	case <-w.ended:
		return -1, net.ErrClosed
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}

// connected waits for the end of a connect (connect(2), EINPROGRESS).
func connected(ctx context.Context, f *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = f.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err == nil {
			// The poller may wake for nothing.
			if _, err = unix.Getpeername(int(fd)); errors.Is(err, unix.ENOTCONN) {
				return false
			}
		}
		result = err
		return true
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, result)
}

// soOriginalDst is SO_ORIGINAL_DST, linux/netfilter_ipv4.h.
const soOriginalDst = 80

// OriginalDst is where the connection c, which Relay accepted, was made to
// before it was redirected. ENOENT means that it was not redirected.
func OriginalDst(c *net.TCPConn) (netip.AddrPort, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, err
	}
	var dst netip.AddrPort
	var result error
	if at, ok := c.LocalAddr().(*net.TCPAddr); ok && at.IP.To4() == nil {
		err = raw.Control(func(fd uintptr) {
			// Likewise of a struct sockaddr_in6 and a struct ip6_mtuinfo.
			var in *unix.IPv6MTUInfo
			if in, result = unix.GetsockoptIPv6MTUInfo(int(fd), unix.SOL_IPV6, soOriginalDst); result == nil {
				port := in.Addr.Port // in the order of the network
				dst = netip.AddrPortFrom(netip.AddrFrom16(in.Addr.Addr), port<<8|port>>8)
			}
		})
		return dst, errors.Join(err, os.NewSyscallError("getsockopt IP6T_SO_ORIGINAL_DST", result))
	}
	err = raw.Control(func(fd uintptr) {
		// A struct sockaddr_in fits into a struct ipv6_mreq, for which there is
		// a call.
		var in *unix.IPv6Mreq
		if in, result = unix.GetsockoptIPv6Mreq(int(fd), unix.SOL_IP, soOriginalDst); result == nil {
			b := in.Multiaddr
			dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), uint16(b[2])<<8|uint16(b[3]))
		}
	})
	if err == nil {
		err = os.NewSyscallError("getsockopt SO_ORIGINAL_DST", result)
	}
	return dst, err
}
