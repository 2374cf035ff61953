package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/upstream"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// checkTime is how long a name is looked up that a proxy will look up itself:
// where proxies are, name servers often know nothing of the world.
const checkTime = 2 * time.Second

// proxyOf is the proxy that stands between the host and what r asks for; nil
// for none. Addresses that are not public are the host's own affair.
func (s *Session) proxyOf(r *request) *upstream.Proxy {
	switch {
	case r.name == network.HostName:
		return nil
	case r.name != "":
		return s.upstream.For(r.name, r.port)
	case network.Special(network.Plain(r.addr)) != "":
		return nil
	}
	return s.upstream.For(r.addr.String(), r.port)
}

// dialFor connects to what r asks for, at one of the addresses that were decided
// about, or by way of a proxy. It says whether there is one.
func (s *Session) dialFor(r *request, addrs []netip.Addr) (out *net.TCPConn, proxied bool, err error) {
	p := s.proxyOf(r)
	if p == nil || r.local || len(addrs) > 0 && network.Special(network.Plain(addrs[0])) != "" {
		out, err = s.dialAny(s.ctx, addrs, r.port)
		return out, false, err
	}
	r.via = p.String()
	ctx, cancel := context.WithTimeout(s.ctx, dialAllTime)
	defer cancel()
	if p.Resolves() && r.name != "" {
		out, err = p.Dial(ctx, net.JoinHostPort(r.name, strconv.Itoa(int(r.port))), s.dialHost)
		return out, true, s.journal.refusedBy(r.via, err)
	}
	err = errors.New("no address") // there is one
	for _, a := range addrs {
		if out, err = p.Dial(ctx, netip.AddrPortFrom(a, r.port).String(), s.dialHost); err == nil {
			r.addr = a
			return out, true, nil
		}
	}
	return nil, true, s.journal.refusedBy(r.via, err)
}

// dialBroker is for brokers: their services were named by the policy and are
// verified by TLS, so they may have any address, on this host as well.
func (s *Session) dialBroker(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := splitHostPort(address)
	if err != nil {
		return nil, err
	}
	if p := s.upstream.For(host, port); p != nil {
		c, err := p.Dial(ctx, address, s.dialHost)
		if err != nil {
			return nil, s.journal.refusedBy(p.String(), err)
		}
		return c, nil
	}
	c, err := s.dialHost(ctx, address)
	if err != nil {
		return nil, err // no pointer to nothing in an interface
	}
	return c, nil
}

// dialHost connects to what the user named: it may have any address.
func (s *Session) dialHost(ctx context.Context, address string) (*net.TCPConn, error) {
	host, port, err := splitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, a)
	} else if addrs, err = s.resolver.AsHost(ctx, host); err != nil {
		return nil, err
	}
	return s.dialAny(ctx, addrs, port)
}
