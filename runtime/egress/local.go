package egress

import (
	"bytes"
	"context"
	"io"
	"net"
)

// publish connects a client of the host to a port of the jail's loopback.
func (s *Session) publish(k *link, port uint16) {
	k.event = Event{Kind: KindPort, Address: k.in.RemoteAddr().String(), Port: port, Verdict: Allow, Rule: "network.ports"}
	ctx, cancel := context.WithTimeout(s.ctx, dialTime)
	defer cancel()
	c, err := s.wall.Dial(ctx, port)
	out, ok := c.(*net.TCPConn)
	if err == nil && ok && k.to(out) {
		k.start()
		return
	}
	k.event.Verdict = Fail
	if err != nil {
		k.event.Why = err.Error()
	}
	reset(k.in)
	k.finish()
}

// toBroker hands a connection from inside to the broker. It logs requests, not
// connections.
func (s *Session) toBroker(k *link, r *request) {
	defer k.finish()
	if err := r.accept(); err != nil {
		return
	}
	c := net.Conn(k.in)
	if len(r.raw) > 0 {
		c = &prefixed{TCPConn: k.in, first: io.MultiReader(bytes.NewReader(r.raw), k.in)}
	}
	s.brokers[r.broker].ServeConn(c)
}

// prefixed is a connection with bytes that were read before.
type prefixed struct {
	*net.TCPConn
	first io.Reader
}

func (p *prefixed) Read(b []byte) (int, error) { return p.first.Read(b) }

// WriteTo would take what is behind the first bytes.
func (p *prefixed) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, p.first) }
