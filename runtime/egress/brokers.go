package egress

import (
	"bytes"
	"io"
	"net"

	"github.com/jailed-claude/jailed-claude/runtime/egress/broker"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// brokerOf is the broker that answers in the place of what r asks for by name,
// nil if none does. Only this port is decrypted, and only of these names.
func (s *Session) brokerOf(r *request) *broker.Broker {
	if r.name == "" || r.port != network.HTTPSPort {
		return nil
	}
	return s.brokerNamed(r.name)
}

// brokerNamed is the broker of a name; one of all names below a domain comes
// after those of one.
func (s *Session) brokerNamed(name string) *broker.Broker {
	if b := s.byName[name]; b != nil {
		return b
	}
	for _, b := range s.brokers {
		if b.Below() != "" && b.Serves(name) {
			return b
		}
	}
	return nil
}

// denied: a rule of "deny" closes the name of a service, whatever broker it
// has. NAME.broker.internal stays open.
func (s *Session) denied(r *request) *refusal {
	v := s.rules.Now().Denied(r.name, r.port)
	if v.OK {
		return nil
	}
	r.rule = v.Rule
	return deny(v.Why, "")
}

// toBroker hands a connection from inside to a broker. That logs requests, not
// connections.
func (s *Session) toBroker(k *link, r *request, serve func(net.Conn)) {
	defer k.finish()
	k.decided()
	if err := r.accept(); err != nil {
		return
	}
	c := net.Conn(k.in)
	if len(r.raw) > 0 {
		c = &prefixed{TCPConn: k.in, first: io.MultiReader(bytes.NewReader(r.raw), k.in)}
	}
	serve(c)
}

// prefixed is a connection with bytes that were read before.
type prefixed struct {
	*net.TCPConn
	first io.Reader
}

func (p *prefixed) Read(b []byte) (int, error) { return p.first.Read(b) }

// WriteTo would take what is behind the first bytes.
func (p *prefixed) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, p.first) }
