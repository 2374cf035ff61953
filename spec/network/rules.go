package network

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Rules decide. They are safe for concurrent use.
type Rules struct {
	mode        string
	allow, deny []Rule
}

func (c *Config) parseRules() (*Rules, error) {
	r := &Rules{mode: c.Mode}
	var bad []error
	for _, s := range c.Allow {
		rule, err := ParseRule(s)
		if err != nil {
			bad = append(bad, fmt.Errorf("network.allow: %w", err))
		}
		r.allow = append(r.allow, rule)
	}
	for _, s := range c.Deny {
		rule, err := ParseDeny(s)
		if err != nil {
			bad = append(bad, fmt.Errorf("network.deny: %w", err))
		}
		r.deny = append(r.deny, rule)
	}
	return r, errors.Join(bad...)
}

// With are these rules and more, which come before them.
func (r *Rules) With(allow, deny []string) (*Rules, error) {
	more, err := (&Config{Mode: r.mode, Allow: allow, Deny: deny}).parseRules()
	if err != nil {
		return nil, err
	}
	more.allow, more.deny = append(more.allow, r.allow...), append(more.deny, r.deny...)
	return more, nil
}

// Bars is the rule of "deny" that leaves nothing of what another one allows.
func (r *Rules) Bars(a Rule) (string, bool) {
	for _, d := range r.deny {
		port := d.port == 0 || d.port == a.port
		name := a.name != "" && (d.isOf(a.name) && !a.suffix || a.suffix && d.suffix && (d.name == a.name || strings.HasSuffix(a.name, "."+d.name)))
		prefix := a.name == "" && d.name == "" && d.prefix.Bits() <= a.prefix.Bits() && d.prefix.Contains(a.prefix.Addr())
		if port && (name || prefix) {
			return d.text, true
		}
	}
	return "", false
}

// Verdict is a decision and what it rests on.
type Verdict struct {
	OK bool
	// Rule is the element of the policy that decided: a rule as it was
	// written, "deny " and one, or "mode " and the mode.
	Rule string
	// Why says why not, for people; empty with OK.
	Why string
}

func yes(r Rule) Verdict { return Verdict{OK: true, Rule: r.text} }
func denied(r Rule) Verdict {
	return Verdict{Rule: "deny " + r.text, Why: "denied by " + strconv.Quote(r.text)}
}

func (r *Rules) byMode(ok bool, why string) Verdict {
	if ok {
		why = ""
	}
	return Verdict{OK: ok, Rule: "mode " + r.mode, Why: why}
}

// Lookup decides whether a normal name may be looked up at all: whether some
// connection to it could be allowed. A name that may not is never asked about
// outside, so that the question itself cannot carry anything out.
func (r *Rules) Lookup(name string) Verdict {
	for _, d := range r.deny {
		if d.port == 0 && d.isOf(name) {
			return denied(d)
		}
	}
	for _, a := range r.allow {
		if a.isOf(name) {
			return yes(a)
		}
	}
	return r.byMode(r.mode == Internet && name != HostName, "no rule allows it")
}

// Denied is the verdict of the rules of "deny" alone on a port of a normal
// name: not OK if one is of it.
func (r *Rules) Denied(name string, port uint16) Verdict {
	for _, d := range r.deny {
		if d.isOf(name) && d.hasPort(port) {
			return denied(d)
		}
	}
	return Verdict{OK: true}
}

// Connect decides whether a connection to a port of a normal name may be
// tried. Where it leads to is for Address to judge, but for HostName.
func (r *Rules) Connect(name string, port uint16) Verdict {
	if v := r.Denied(name, port); !v.OK {
		return v
	}
	other := false
	for _, a := range r.allow {
		if !a.isOf(name) {
			continue
		}
		if a.hasPort(port) {
			return yes(a)
		}
		other = true
	}
	if r.mode == Internet && name != HostName {
		return r.byMode(true, "")
	}
	if other {
		return r.byMode(false, fmt.Sprintf("allowed, but not on port %d", port))
	}
	return r.byMode(false, "no rule allows it")
}

// Address decides whether a connection may go to an address: one that a normal
// name led to after Connect allowed the name, or, with no name, one that a
// program asked for itself.
func (r *Rules) Address(a netip.Addr, port uint16, name string) Verdict {
	a = Plain(a)
	if v, ok := r.ofAddresses(a, port); ok {
		return v
	}
	named := name != ""
	if what := Special(a); what != "" {
		if w, ok := r.private(name, port); ok && isPrivate(a) {
			return yes(w)
		}
		return r.byMode(false, fmt.Sprintf("%s is no public address (%s)", a, what))
	}
	return r.byMode(named && r.mode != None || r.mode == Internet, "addresses need a rule of their own")
}

// private is the rule that lets a normal name lead to private addresses on a
// port.
func (r *Rules) private(name string, port uint16) (Rule, bool) {
	i := slices.IndexFunc(r.allow, func(a Rule) bool { return a.isOf(name) && a.hasPort(port) && a.Private() })
	if name == "" || i < 0 {
		return Rule{}, false
	}
	return r.allow[i], true
}

// MayBeLocal reports whether a normal name may lead to this host's loopback on a
// port, where the host's own /etc/hosts says that it does. No answer of a name
// server counts.
func (r *Rules) MayBeLocal(name string, port uint16) bool {
	_, ok := r.private(name, port)
	return ok
}

// AsHost reports whether a normal name is looked up as the host's programs do:
// one of a single label may be in /etc/hosts, or need a search domain.
func (r *Rules) AsHost(name string) bool {
	return slices.ContainsFunc(r.allow, func(a Rule) bool { return a.isOf(name) && a.private })
}

// Own decides the same about an address that is one of this host's: what
// listens there is open to programs of this host, as on its loopback, whatever
// stands before it on its way in from elsewhere. No mode and no name opens it,
// but a rule of addresses.
func (r *Rules) Own(a netip.Addr, port uint16) Verdict {
	a = Plain(a)
	if v, ok := r.ofAddresses(a, port); ok {
		return v
	}
	return r.byMode(false, fmt.Sprintf("%s is an address of this host", a))
}

// ofAddresses is the verdict of the rules of addresses on a plain one, if one
// of them is of it.
func (r *Rules) ofAddresses(a netip.Addr, port uint16) (v Verdict, ok bool) {
	for _, d := range r.deny {
		if d.name == "" && d.prefix.Contains(a) && d.hasPort(port) {
			return denied(d), true
		}
	}
	for _, w := range r.allow {
		if w.name == "" && w.prefix.Contains(a) && w.hasPort(port) {
			return yes(w), true
		}
	}
	return Verdict{}, false
}

// AllowLine is the element of "allow" that would let a connection through.
func AllowLine(host string, port uint16) string {
	if port == HTTPSPort && host != HostName {
		return host
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a, port).String()
	}
	return host + ":" + strconv.Itoa(int(port))
}

// Proposal is the rule that would let a host through which the rules refused;
// empty if no rule can. None helps against one of "deny", and none is proposed for
// the metadata of a cloud, which has its credentials.
func Proposal(v Verdict, host string, port uint16) string {
	if port == 0 {
		port = 443
	}
	if a, err := netip.ParseAddr(host); err == nil && Metadata(a) {
		return ""
	}
	line := AllowLine(host, port)
	if _, err := ParseRule(line); err != nil || strings.HasPrefix(v.Rule, "deny ") {
		return ""
	}
	return line
}
