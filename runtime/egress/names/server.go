package names

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Limits. What a jail can use up is its own name server, and no more memory
// than these allow.
const (
	// queryTime is how long Lookup has: as long as libc waits in all
	// (resolv.conf(5): 5 seconds, two attempts).
	queryTime = 10 * time.Second
	// maxDatagrams are answered at a time. Further ones wait in the socket.
	maxDatagrams = 256
	// maxConns may be open; one more is closed at once.
	maxConns = 64
	// maxPipelined queries of one connection are answered at a time.
	maxPipelined = 16
	// idleTime is how long a connection may take for its next whole query,
	// and for taking an answer.
	idleTime = 10 * time.Second
)

// Server is a name server. Its fields are set before it serves and not changed
// afterwards.
type Server struct {
	Book *Book
	// Lookup says what is known of a normal name (network.Normal). It is called
	// from many goroutines at once and has to return soon after ctx is done:
	// after ten seconds, or when the server's socket was closed.
	Lookup func(ctx context.Context, name string) Outcome
	// Real are the addresses of a name that exists, up to maxReal of which it is
	// answered with; none: it gets one of the Book. Nil is none for every name.
	Real func(ctx context.Context, name string) []netip.Addr
}

// ServePacket answers datagrams until c is closed (nil) or fails. No Lookup of
// its own is running when it returns. It does not close c.
func (s *Server) ServePacket(c net.PacketConn) error {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	slots := make(chan struct{}, maxDatagrams)
	buf := make([]byte, 4*udpSize)
	for {
		n, from, err := c.ReadFrom(buf)
		if temporary(err) {
			continue
		}
		if err != nil {
			return closed(err)
		}
		msg := append([]byte(nil), buf[:n]...)
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if out := s.inTime(ctx, msg); out != nil {
				_, _ = c.WriteTo(out, from) // nobody to tell: the client asks again
			}
		})
	}
}

// Serve answers queries over TCP until l is closed (nil) or fails. None of its
// connections is open when it returns. It does not close l.
func (s *Server) Serve(l net.Listener) error {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	slots := make(chan struct{}, maxConns)
	for {
		c, err := l.Accept()
		if temporary(err) {
			time.Sleep(10 * time.Millisecond) // until a file descriptor is free
			continue
		}
		if err != nil {
			return closed(err)
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = c.Close()
			continue
		}
		running.Go(func() {
			defer func() { <-slots }()
			s.serveConn(ctx, c)
		})
	}
}

// serveConn answers the queries of one connection, each when its answer is
// there (RFC 7766, 6.2.1.1), until the client ends it, is idle, or errs.
func (s *Server) serveConn(ctx context.Context, c net.Conn) {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	defer c.Close()
	var (
		running sync.WaitGroup
		writing sync.Mutex
	)
	defer running.Wait()
	slots := make(chan struct{}, maxPipelined)
	for {
		slots <- struct{}{}
		msg, err := readMessage(c)
		if err != nil {
			return
		}
		running.Go(func() {
			defer func() { <-slots }()
			out := s.inTime(ctx, msg)
			if out == nil {
				return
			}
			out = append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)
			writing.Lock()
			defer writing.Unlock()
			_ = c.SetWriteDeadline(time.Now().Add(idleTime))
			if _, err := c.Write(out); err != nil {
				_ = c.Close() // half an answer leaves no way to send a whole one
			}
		})
	}
}

// readMessage reads a message behind its length (RFC 1035, 4.2.2).
func readMessage(c net.Conn) ([]byte, error) {
	if err := c.SetReadDeadline(time.Now().Add(idleTime)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(c, msg)
	return msg, err
}

func (s *Server) inTime(ctx context.Context, msg []byte) []byte {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	return s.answer(ctx, msg)
}

// temporary errors say nothing of the socket.
func temporary(err error) bool {
	var e syscall.Errno
	return errors.As(err, &e) && (e.Temporary() || e == syscall.ECONNABORTED || e == syscall.ENOBUFS || e == syscall.ENOMEM)
}

// closed is err, unless it is that the socket was closed.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
