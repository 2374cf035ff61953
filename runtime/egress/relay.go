package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/egress/proxy"
	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// request is what a program inside asked for: a name or an address, and a port.
type request struct {
	name string // normal; empty if addr was asked for itself
	addr netip.Addr
	port uint16
	// broker is its index, or -1.
	broker int
	// raw are bytes that the target gets first.
	raw []byte
	// proxy is how it was asked for; nil for a connection that was redirected.
	// accepted: its client has been told that it can go on.
	proxy    *proxy.Request
	accepted bool
	// told: it made no sense, and the client knows.
	told bool
	// via is the proxy that stands between; empty for none.
	via string
	// rule decided.
	rule string
	// at is the address that was an answer to name, and asked for; no other is dialled.
	at netip.Addr
	// local: the host's /etc/hosts says that the name is its own loopback, and a
	// rule lets it.
	local bool
}

// refusal is why a connection is reset.
type refusal struct{ verdict, why, allow string }

func deny(why, allow string) *refusal { return &refusal{Deny, why, allow} }
func fail(why string) *refusal        { return &refusal{Fail, why, ""} }

// accept hands every connection of l to serve, in a goroutine of its own: also those
// that still wait when l's deadline ends it.
func (s *Session) accept(l net.Listener, serve func(*link)) {
	take := func(in *net.TCPConn) {
		if k := s.add(in); k != nil {
			s.running.Go(func() { serve(k) })
			return
		}
		reset(in)
	}
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			for _, in := range wall.Waiting(l) {
				take(in)
			}
			return
		}
		if err != nil {
			// No file descriptor or no memory left, or a client that is gone
			// already: the listener still works.
			select {
			case <-time.After(50 * time.Millisecond):
			case <-s.ctx.Done():
				return
			}
			continue
		}
		in, ok := c.(*net.TCPConn)
		if !ok {
			_ = c.Close()
			continue
		}
		s.pace.Wait()
		take(in)
	}
}

// relay serves one connection from inside, up to where its bytes begin to
// flow.
func (s *Session) relay(k *link) {
	r, no := s.asked(k.in)
	if no == nil && r.broker >= 0 {
		s.toBroker(k, r, s.brokers[r.broker].ServeConn)
		return
	}
	if b := s.brokerOf(r); no == nil && b != nil {
		k.is.Store(r)
		if no = s.denied(r); no == nil {
			s.toBroker(k, r, b.ServeTLS)
			return
		}
	}
	if no == nil {
		no = s.connect(k, r)
	}
	if no == nil {
		k.start()
		return
	}
	k.event = r.event()
	k.event.Verdict, k.event.Why, k.event.AllowLine = no.verdict, no.why, no.allow
	r.refuse(k.in, no)
	k.finish()
}

// refuse resets the connection; the client of a proxy is told why instead, as
// long as it waits for an answer.
func (r *request) refuse(c *net.TCPConn, no *refusal) {
	switch {
	case r.told:
	case r.proxy == nil || r.accepted:
		reset(c)
	case no.verdict == Deny:
		_ = r.proxy.Refuse(no.why)
	default:
		_ = r.proxy.Fail(no.why)
	}
}

// connect decides about r and dials it.
func (s *Session) connect(k *link, r *request) *refusal {
	if r.name != "" {
		v := s.permitted(r)
		r.rule = v.Rule
		if !v.OK {
			return deny(s.config.Refused(v, r.name, r.port))
		}
	}
	if no := s.checkTLS(k, r); no != nil {
		return no
	}
	rule := r.rule
	addrs, no := s.candidates(s.ctx, r)
	if no != nil {
		return no
	}
	if r.name != "" {
		r.rule = rule
	}
	out, proxied, err := s.dialFor(r, addrs)
	if err != nil {
		return fail(err.Error())
	}
	if !proxied {
		r.addr = addrPort(out.RemoteAddr()).Addr()
	}
	if r.name != network.HostName && !r.local && !proxied {
		// It took a while. By now it may be an address of this host.
		if rule, no := s.judge(r.addr, r.port, r.name); no != nil {
			reset(out)
			r.rule = rule
			return no
		}
	}
	if !k.to(out) {
		return fail("the session ended")
	}
	k.decided()
	k.is.Store(r)
	if s.closes(k) {
		return deny("denied by the user", "") // meanwhile
	}
	if err := r.accept(); err != nil {
		return fail("proxy: " + err.Error())
	}
	if len(r.raw) > 0 {
		_ = out.SetWriteDeadline(time.Now().Add(s.limits.handshake))
		n, err := out.Write(r.raw)
		if err != nil {
			return fail(err.Error())
		}
		k.ahead = int64(n)
		_ = out.SetWriteDeadline(time.Time{})
	}
	k.event = r.event()
	k.event.Verdict = Allow
	return nil
}

// accept tells a proxy's client, once, that it can go on.
func (r *request) accept() error {
	if r.proxy == nil || r.accepted {
		return nil
	}
	r.accepted = true
	return r.proxy.Accept()
}

func (r *request) event() Event {
	e := Event{Kind: KindTCP, Name: r.name, Port: r.port, Rule: r.rule, Via: r.via}
	if r.addr.IsValid() {
		e.Address = r.addr.String()
	}
	return e
}

// asked finds out what the program at the other end of c wants.
func (s *Session) asked(c *net.TCPConn) (*request, *refusal) {
	local := addrPort(c.LocalAddr())
	relay := netip.AddrPortFrom(network.Gateway, network.RelayPort)
	if s.config.Via == network.ViaProxy {
		if local != relay {
			return s.target(local)
		}
		return s.askedProxy(c)
	}
	dst, err := wall.OriginalDst(c)
	if err != nil {
		return &request{addr: local.Addr(), port: local.Port(), broker: -1}, deny("it is not known where to: "+err.Error(), "")
	}
	return s.target(dst)
}

// target is what an address of the jail stands for.
func (s *Session) target(dst netip.AddrPort) (*request, *refusal) {
	r := &request{addr: dst.Addr().Unmap(), port: dst.Port(), broker: -1}
	if r.addr == network.Gateway || r.addr == network.Gateway6 {
		return r, deny("the relay's own address", "")
	}
	if !network.Fake.Contains(r.addr) {
		if s.config.Addresses == network.AddressesReal {
			if r.name = s.told.Name(r.addr, r.port, s.config.Mode == network.Filtered, s.rules.Now()); r.name != "" {
				r.at, r.addr = r.addr, netip.Addr{}
			}
		}
		return r, nil
	}
	for i := range s.config.Brokers {
		if r.addr == network.BrokerAddr(i) {
			if r.broker = i; r.port == network.BrokerPort {
				return r, nil
			}
			return r, deny(fmt.Sprintf("a broker answers on port %d only", network.BrokerPort), "")
		}
	}
	name, ok := s.book.Name(r.addr)
	if !ok {
		return r, deny("no name has been given this address", "")
	}
	r.name, r.addr = name, netip.Addr{}
	return r, nil
}

// askedProxy reads the request of a program that uses a proxy.
func (s *Session) askedProxy(c *net.TCPConn) (*request, *refusal) {
	p, err := proxy.Read(c)
	if err != nil {
		return &request{addr: network.Gateway, port: network.RelayPort, broker: -1, told: true}, deny(err.Error(), "")
	}
	r, no := s.named(p.Host, p.Port)
	r.proxy, r.raw = p, p.Raw
	return r, no
}

// named is what a host, as a program wrote it, and a port stand for.
func (s *Session) named(host string, port uint16) (*request, *refusal) {
	if a, err := netip.ParseAddr(host); err == nil {
		return s.target(netip.AddrPortFrom(a.WithZone(""), port))
	}
	r := &request{port: port, broker: -1}
	name, ok := network.Normal(host)
	if r.name = name; !ok {
		return r, deny("not a host name", "")
	}
	for i, b := range s.config.Brokers {
		if name == b.Inside() {
			return s.target(netip.AddrPortFrom(network.BrokerAddr(i), port))
		}
	}
	return r, nil
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func splitHostPort(address string) (string, uint16, error) {
	host, p, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.ParseUint(p, 10, 16)
	return host, uint16(port), err
}
