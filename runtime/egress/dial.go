package egress

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/names"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

const (
	// dialTime is what one address has, dialAllTime all of a name.
	dialTime    = 10 * time.Second
	dialAllTime = 30 * time.Second
	// dialNext is how long an address is waited for before the next one is
	// tried beside it (RFC 8305, "Connection Attempt Delay").
	dialNext = 250 * time.Millisecond
)

// dialer connects outside. A silent peer is noticed after two minutes.
var dialer = net.Dialer{
	Timeout:         dialTime,
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second, Count: 4},
}

// dialTCP connects to this address and no other: there is no name to resolve.
func dialTCP(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	return dialer.DialTCP(ctx, "tcp", netip.AddrPort{}, to)
}

// dialAny connects to the first of the addresses that answers. They have been
// decided about.
func (s *Session) dialAny(ctx context.Context, addrs []netip.Addr, port uint16) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialAllTime)
	defer cancel() // ends the attempts that are too late
	type result struct {
		conn *net.TCPConn
		err  error
	}
	results := make(chan result)
	try := func(a netip.Addr) {
		c, err := s.dial(ctx, netip.AddrPortFrom(a, port))
		select {
		case results <- result{c, err}:
		case <-ctx.Done():
			if err == nil {
				_ = c.Close()
			}
		}
	}
	var first error
	next := time.NewTimer(0)
	defer next.Stop()
	for pending := 0; len(addrs) > 0 || pending > 0; {
		select {
		case <-next.C:
			if len(addrs) > 0 {
				a := addrs[0]
				addrs = addrs[1:]
				pending++
				s.running.Go(func() { try(a) })
				next.Reset(dialNext)
			}
		case r := <-results:
			if r.err == nil {
				return r.conn, nil
			}
			pending--
			if first == nil {
				first = r.err
			}
			next.Reset(0)
		case <-ctx.Done():
			if first == nil {
				first = ctx.Err()
			}
			return nil, first
		}
	}
	return nil, first
}

// candidates are the addresses that a connection to r may be dialled at, or
// why there are none.
func (s *Session) candidates(ctx context.Context, r *request) ([]netip.Addr, *refusal) {
	if r.name == "" {
		rule, no := s.judge(r.addr, r.port, "")
		r.rule = rule
		return []netip.Addr{r.addr}, no
	}
	if r.name == network.HostName {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	if s.rules.Now().MayBeLocal(r.name, r.port) && names.OnLoopback(s.hostsFile, r.name) {
		r.local = true
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	if r.at.IsValid() {
		rule, no := s.judge(r.at, r.port, r.name)
		if no != nil {
			r.addr, r.rule = r.at, rule
		}
		return []netip.Addr{r.at}, no
	}
	outside := false
	if p := s.proxyOf(r); p != nil && p.Resolves() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, checkTime)
		defer cancel()
		outside = true
	}
	all, err := s.resolveName(ctx, r.name)
	if err != nil && outside {
		return nil, nil // the proxy may know it
	}
	if err != nil {
		return nil, fail("name: " + err.Error())
	}
	var ok []netip.Addr
	var first *refusal
	for _, a := range all {
		rule, no := s.judge(a, r.port, r.name)
		switch {
		case no == nil:
			ok = append(ok, a.WithZone(""))
		case first == nil:
			r.addr, r.rule = a, rule
			first = no
		}
	}
	if len(ok) == 0 {
		return nil, first
	}
	r.addr = netip.Addr{}
	return ok, nil
}

// resolveName looks up a name of the jail's, or one that a rule says is the
// host's own affair.
func (s *Session) resolveName(ctx context.Context, name string) ([]netip.Addr, error) {
	if s.rules.Now().AsHost(name) {
		return s.resolver.AsHost(ctx, name)
	}
	return s.resolver.Resolve(ctx, name)
}

// judge decides about an address that a name led to, or none, and names the rule.
func (s *Session) judge(a netip.Addr, port uint16, name string) (rule string, no *refusal) {
	v := s.rules.Now().Address(a, port, name)
	if v.OK {
		own, err := s.isOwn(a, port)
		if err != nil {
			return v.Rule, fail(err.Error())
		}
		if own {
			v = s.rules.Now().Own(a, port)
		}
	}
	if v.OK {
		return v.Rule, nil
	}
	return v.Rule, deny(s.config.Refused(v, network.Plain(a).String(), port))
}

// isOwn reports whether a is an address of this host. An IPv4 address in an
// IPv6 form may be one as well: this host may be its own translator.
func (s *Session) isOwn(a netip.Addr, port uint16) (bool, error) {
	own, err := s.own(netip.AddrPortFrom(a, port))
	if plain := network.Plain(a); err == nil && !own && plain != a.WithZone("") {
		own, err = s.own(netip.AddrPortFrom(plain, port))
	}
	return own, err
}
