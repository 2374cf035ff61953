package egress

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/egress/own"
	"github.com/jailed-claude/jailed-claude/runtime/egress/report"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

const byUser = "by the user, while the jail ran"

// Rules are those of this moment.
func (s *Session) Rules() *network.Rules { return s.rules.Now() }

// Added are the rules that the user added.
func (s *Session) Added() (allow, deny []string) { return s.rules.Added() }

// Allow adds rules of "allow". Connections that wait for one go on.
func (s *Session) Allow(rules []string) error {
	err := s.rules.Allow(rules)
	if err == nil {
		s.changed(Allow, rules)
	}
	return err
}

// Deny adds rules of "deny", and resets the connections that they are of.
func (s *Session) Deny(rules []string) error {
	if err := s.rules.Deny(rules); err != nil {
		return err
	}
	s.changed(Deny, rules)
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.open {
		if s.closes(k) {
			k.abort("denied by the user")
		}
	}
	return nil
}

func (s *Session) changed(verdict string, rules []string) {
	for _, r := range rules {
		s.journal.event(Event{Kind: KindRule, Name: r, Verdict: verdict, Rule: r, Why: byUser})
		s.journal.say(map[string]string{Allow: "allowed ", Deny: "denied "}[verdict] + report.Plain(r) + " " + byUser)
	}
}

// closes: the rules have come to deny what a connection is.
func (s *Session) closes(k *link) bool {
	r := k.is.Load()
	if r == nil {
		return false
	}
	now := s.rules.Now()
	if r.name != "" && !now.Denied(r.name, r.port).OK {
		return true
	}
	return r.addr.IsValid() && strings.HasPrefix(now.Address(r.addr, r.port, r.name).Rule, "deny ")
}

// Waiting are the destinations about which the user is asked, as rules.
func (s *Session) Waiting() []string { return s.rules.Waiting() }

// asks: the user will be asked when a name that is refused is connected to.
func (s *Session) asks(name string, v network.Verdict) bool {
	_, err := network.ParseRule(network.AllowLine(name, network.HTTPSPort))
	return s.config.Ask && !v.OK && err == nil && name != network.HostName && !strings.HasPrefix(v.Rule, "deny ")
}

// permitted decides about a request by name, and waits for the user's word where
// the configuration says so.
func (s *Session) permitted(r *request) network.Verdict {
	decide := func(now *network.Rules) network.Verdict { return now.Connect(r.name, r.port) }
	if v := decide(s.rules.Now()); !s.asks(r.name, v) {
		return v
	}
	line := network.AllowLine(r.name, r.port)
	return s.rules.Connect(s.ctx, line, decide, func() {
		s.journal.say("asks " + report.Plain(line) + ": it waits for a minute; the user says yes with: jailed-claude allow " + report.Plain(line))
		s.Notify("wants to reach "+report.Plain(line), "to let it through: jailed-claude allow "+report.Plain(line))
	})
}

// allows tells whether the rules of this moment let through what was refused: a
// name, or an address, to which a name that was allowed may have led.
func (s *Session) allows(d report.Denied) bool {
	if d.Port == 0 {
		return s.rules.Now().Lookup(d.Host).OK
	}
	if rule, err := network.ParseRule(d.Allow); err == nil && rule.Name() == "" {
		name := d.Host
		if _, err := netip.ParseAddr(name); err == nil {
			name = ""
		}
		_, no := s.judge(rule.Prefix().Addr(), d.Port, name)
		return no == nil
	}
	return s.rules.Now().Connect(d.Host, d.Port).OK
}

// Ports are the published ones.
func (s *Session) Ports() []uint16 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.ports))
}

// Publish publishes one more port of the jail's loopback.
func (s *Session) Publish(port uint16) error {
	if slices.Contains(s.config.HostPorts, port) {
		return fmt.Errorf("port %d of the jail is that of the host (network.host-ports)", port)
	}
	if !s.config.MayPublish(port) {
		return fmt.Errorf("port %d: the policy of the machine set network.ports when this jail started, and leaves none to add", port)
	}
	if err := s.listen(port, true); err != nil {
		return err
	}
	s.journal.event(Event{Kind: KindRule, Port: port, Verdict: Allow, Rule: "network.ports", Why: byUser})
	return nil
}

// Unpublish takes a port back. Connections to it go on.
func (s *Session) Unpublish(port uint16) error {
	s.mu.Lock()
	l := s.ports[port]
	delete(s.ports, port)
	s.mu.Unlock()
	if l == nil {
		return fmt.Errorf("port %d is not published", port)
	}
	s.journal.event(Event{Kind: KindRule, Port: port, Verdict: Deny, Rule: "network.ports", Why: byUser})
	return l.Close()
}

// listen opens a port of the host's loopback, served at once or when all else is.
func (s *Session) listen(port uint16, serve bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return net.ErrClosed
	case s.ports[port] != nil:
		return fmt.Errorf("port %d is published already", port)
	}
	l, err := own.Listen(s.ctx, port)
	if err != nil {
		return err
	}
	if s.ports[port] = l; serve {
		s.servePort(port, l)
	}
	return nil
}

func (s *Session) servePort(port uint16, l net.Listener) {
	s.running.Go(func() { s.accept(l, func(k *link) { s.publish(k, port) }) })
}
