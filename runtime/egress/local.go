package egress

import (
	"context"
	"net"
	"net/netip"
)

// toHost connects a program of the jail to a port of the host's loopback, which
// it reaches at its own.
func (s *Session) toHost(k *link, port uint16) {
	k.event = Event{Kind: KindTCP, Name: "localhost", Port: port, Verdict: Allow, Rule: "network.host-ports"}
	out, err := s.dialAny(s.ctx, []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, port)
	if err == nil && k.to(out) {
		k.event.Address = addrPort(out.RemoteAddr()).Addr().String()
		k.start()
		return
	}
	k.failed(err)
}

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
	k.failed(err)
}

// failed ends a connection that got no other end.
func (k *link) failed(err error) {
	k.event.Verdict = Fail
	if err != nil {
		k.event.Why = err.Error()
	}
	reset(k.in)
	k.finish()
}
