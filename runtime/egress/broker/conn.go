package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
)

// single is a listener of one connection. After that, Accept waits for the
// connection's end, or the server's, and so does Serve.
type single struct {
	conn  net.Conn
	inner *conn // what conn closes
	taken bool
}

func (l *single) Accept() (net.Conn, error) {
	if !l.taken {
		l.taken = true
		return l.conn, nil
	}
	<-l.inner.closed
	return nil, net.ErrClosed
}

// Close is called when the server is closed, which waits for Accept.
func (l *single) Close() error   { return l.inner.Close() }
func (l *single) Addr() net.Addr { return l.conn.LocalAddr() }

// conn tells when it is closed, and can be closed more than once.
type conn struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
	err    error

	// writes are joined in joined, where it is not nil.
	writes sync.Mutex
	joined []byte
}

// joint is how much is written at once: TLS writes 16 KiB each time.
const joint = 128 << 10

var joints = sync.Pool{New: func() any { return new([joint]byte) }}

// together joins what send writes, which is n bytes and what is around them: each
// write wakes the program in the jail. A nil conn joins nothing.
func (c *conn) together(n int, send func() error) error {
	if c == nil || n <= piece/2 {
		return send()
	}
	buf, _ := joints.Get().(*[joint]byte)
	defer joints.Put(buf)
	c.writes.Lock()
	c.joined = buf[:0]
	c.writes.Unlock()
	err := send()
	c.writes.Lock()
	defer c.writes.Unlock()
	err = errors.Join(err, c.out())
	c.joined = nil
	return err
}

func (c *conn) Write(p []byte) (int, error) {
	c.writes.Lock()
	defer c.writes.Unlock()
	if len(c.joined)+len(p) > cap(c.joined) {
		if err := c.out(); err != nil {
			return 0, err
		}
		if len(p) > cap(c.joined) {
			return c.Conn.Write(p)
		}
	}
	c.joined = append(c.joined, p...)
	return len(p), nil
}

// out writes what was joined.
func (c *conn) out() error {
	if len(c.joined) == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.joined)
	c.joined = c.joined[:0]
	return err
}

func (c *conn) Close() error {
	c.once.Do(func() {
		c.err = c.Conn.Close()
		close(c.closed)
	})
	return c.err
}

// CloseWrite is what net/http uses to get an error to a client that is still
// sending.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// connKey is where a request's context has the connection of the jail, if its writes
// can be joined: with TLS, and one request at a time.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	if secured, ok := c.(*tls.Conn); ok && secured.ConnectionState().NegotiatedProtocol != "h2" {
		return context.WithValue(ctx, connKey{}, secured.NetConn())
	}
	return ctx
}

func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}
