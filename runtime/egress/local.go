package egress

import (
	"context"
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
