package egress

import (
	"context"
	"net/netip"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// tell is what a name is answered with where that is the name's own. Names of
// brokers, of which this one ends the connections, of the host, and those that the
// user will be asked about have an address of the jail's own.
func (s *Session) tell(ctx context.Context, name string) []netip.Addr {
	if name == network.HostName || s.brokerNamed(name) != nil || !s.rules.Now().Lookup(name).OK || s.upstream.Resolve(name) {
		return nil
	}
	all, err := s.resolveName(ctx, name)
	if err != nil {
		return nil
	}
	return s.told.Tell(name, all, s.isOwn)
}
