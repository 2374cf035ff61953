package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Rule is one element of "allow" or "deny".
type Rule struct {
	text string
	// name is a host name in lower case; with suffix, of all names below it.
	name   string
	suffix bool
	// private: the name may lead to private addresses.
	private bool
	// prefix is a range of addresses, where name is empty.
	prefix netip.Prefix
	// port is the only one that the rule is of; 0 for all.
	port uint16
}

// String is the rule as it was written.
func (r Rule) String() string { return r.text }

// Name is the host name that the rule is of, without a star; empty for a rule
// of addresses.
func (r Rule) Name() string { return r.name }

// Below reports whether the rule is of all names below Name, and not of Name
// itself.
func (r Rule) Below() bool { return r.suffix }

// Prefix is the range of addresses that the rule is of; invalid for a rule of a
// name.
func (r Rule) Prefix() netip.Prefix { return r.prefix }

// Port is the only port that the rule is of; 0 for all.
func (r Rule) Port() uint16 { return r.port }

// ParseRule reads an element of "allow":
//
//	api.anthropic.com        the name, on port 443
//	*.github.com             every name below it, not github.com itself
//	github.com:22            the name, on port 22; ":*" for every port
//	host:5432                a service of the host's loopback
//	private:db.example:5432  the name, which may lead to private addresses, and
//	                         where the host's /etc/hosts says so to its loopback
//	10.1.0.0/16, 10.1.2.3    addresses, on port 443; they may be private, or
//	                         this host's own
//	10.1.2.3:5432            with a port; IPv6 in brackets: [fd00::1]:5432
//
// Names are compared without regard to case. A name is allowed to lead to
// public addresses of other hosts; one that leads to others needs a rule for
// these as well, or "private:". A name that nobody can have on the internet
// (db.corp.internal) does not need that word.
func ParseRule(s string) (Rule, error) { return parse(s, HTTPSPort) }

// ParseDeny reads an element of "deny": the same, and without a port it is of
// all ports. A name denies itself alone, "*.name" what is below it.
func ParseDeny(s string) (Rule, error) {
	r, err := parse(s, 0)
	if err == nil && r.private {
		return r, ruleError(s, "denies wherever it leads: leave "+privatePrefix+" out")
	}
	if err == nil && r.name == HostName {
		return r, ruleError(s, `"host" needs no denying: it is closed unless "allow" opens a port`)
	}
	return r, err
}

// RuleError says what is wrong with a rule and what to write instead.
type RuleError struct{ Rule, Problem string }

func (e *RuleError) Error() string { return fmt.Sprintf("%q %s", e.Rule, e.Problem) }

func ruleError(rule, format string, args ...any) error {
	return &RuleError{rule, fmt.Sprintf(format, args...)}
}

func parse(s string, port uint16) (Rule, error) {
	rest, private := strings.CutPrefix(s, privatePrefix)
	r, err := read(rest, port, private)
	if err == nil && private && (r.name == "" || r.name == HostName) {
		err = ruleError(s, "is no name that could lead to a private address: write private:db.example.com:5432")
	}
	r.text = s
	return r, err
}

// read is parse behind privatePrefix.
func read(s string, port uint16, private bool) (Rule, error) {
	r := Rule{text: s, port: port, private: private}
	if s == "" {
		return r, ruleError(s, "is empty: write a name such as example.com")
	}
	if strings.Contains(s, "://") {
		return r, ruleError(s, "is a URL: write its host name alone, and :PORT if it is not 443")
	}
	if strings.ContainsAny(s, "@") {
		return r, ruleError(s, "is not a name, an address or a known preset")
	}
	if p, ok := parsePrefix(s); ok {
		r.prefix = p
		return r, r.checkPrefix()
	}
	host, p, hasPort := cutPort(s)
	if hasPort {
		n, err := parsePort(p)
		if err != nil {
			return r, ruleError(s, "has the port %q: write a number from 1 to 65535, or * for every port", p)
		}
		r.port = n
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if p, ok := parsePrefix(bare); ok {
		r.prefix = p
		return r, r.checkPrefix()
	}
	return r, r.setName(host, hasPort)
}

// cutPort cuts at the last colon, outside of brackets.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasSuffix(s, "]") {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func parsePort(s string) (uint16, error) {
	if s == "*" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '+' || s[0] == '0' {
		return 0, fmt.Errorf("%q is no port", s)
	}
	return uint16(n), nil
}

func parsePrefix(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p, err == nil
}

var (
	loopback4 = netip.MustParsePrefix("127.0.0.0/8")
	thisHost  = netip.MustParsePrefix("0.0.0.0/8")
)

func (r *Rule) checkPrefix() error {
	p := r.prefix
	switch {
	case p.Bits() == 0:
		return ruleError(r.text, `is everything: use network.mode = "internet"`)
	case p.Masked() != p:
		return ruleError(r.text, "has bits behind its mask: write %s", p.Masked())
	case p.Addr().Is4In6() || nat64.Overlaps(p):
		return ruleError(r.text, "is an IPv4 address in an IPv6 form: write it as IPv4")
	case p.Addr().Is4() && p.Overlaps(Fake):
		return ruleError(r.text, "overlaps %s, where a jail keeps the addresses of names", Fake)
	case p.Overlaps(loopback4), p.Contains(netip.IPv6Loopback()), p.Overlaps(thisHost), p.Contains(netip.IPv6Unspecified()):
		// A connect to the unspecified address is one to the loopback.
		return ruleError(r.text, ownLoopback)
	}
	return nil
}

// ownLoopback is what is wrong with a rule of what each machine calls itself.
const ownLoopback = `is the jail's own loopback: write "host:PORT" for a service of the host, or host-ports = [PORT] to have it at the jail's own localhost`

func (r *Rule) setName(host string, hasPort bool) error {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	rest, suffix := strings.CutPrefix(name, "*.")
	r.name, r.suffix = rest, suffix
	switch {
	case name == HostName:
		if !hasPort || r.port == 0 {
			return ruleError(r.text, `needs one port: write "host:5432" for the service on the host's 127.0.0.1:5432`)
		}
		return nil
	case name == "*":
		return ruleError(r.text, `is everything: use network.mode = "internet"`)
	case strings.Contains(rest, "*"):
		return ruleError(r.text, `has a star that is not a whole first label: write "*.example.com"`)
	}
	if problem := nameProblem(rest); problem != "" {
		return ruleError(r.text, "%s", problem)
	}
	if rest == "localhost" || strings.HasSuffix(rest, ".localhost") {
		return ruleError(r.text, ownLoopback) // RFC 6761, 6.3
	}
	if !strings.Contains(rest, ".") && !r.private {
		if suffix {
			return ruleError(r.text, "is every name of a top-level domain: write more of it")
		}
		return ruleError(r.text, "is no full name: write it with its domain")
	}
	return nil
}

// privatePrefix begins a rule of a name that may lead to private addresses.
const privatePrefix = "private:"

// privateDomains are top-level domains that nobody can have a name below on the
// internet: .internal (ICANN, 2024), .test (RFC 6761), .local (RFC 6762, whose
// appendix G has the next five), home.arpa (RFC 8375). What such a name leads
// to, only the host's own name servers and /etc/hosts can say.
var privateDomains = []string{".internal", ".test", ".local", ".intranet", ".private", ".corp", ".home", ".lan", ".home.arpa"}

// Private reports whether the rule lets its name lead to private addresses.
func (r Rule) Private() bool {
	return r.private || slices.ContainsFunc(privateDomains, func(d string) bool { return strings.HasSuffix("."+r.name, d) })
}

// nameProblem says why s, in lower case, is not a host name.
func nameProblem(s string) string {
	if len(s) > 253 {
		return "is longer than a name can be (253 bytes, RFC 1035)"
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if !isLabel(l) {
			for _, c := range l {
				if c > 127 {
					return "has letters beyond ASCII: write the name in its xn-- form, so that look-alikes are seen"
				}
			}
			return "is not a host name: labels are letters, digits, - and _, 1 to 63 of them"
		}
	}
	if last := labels[len(labels)-1]; endsInNumber(last) {
		return "is not a host name, and no IP address in the usual form either"
	}
	return ""
}

// endsInNumber: programs take a name with such a last label for an IPv4
// address (WHATWG URL, "ends in a number").
func endsInNumber(label string) bool {
	if strings.Trim(label, "0123456789") == "" {
		return true
	}
	hex, ok := strings.CutPrefix(label, "0x")
	return ok && strings.Trim(hex, "0123456789abcdef") == ""
}

// isLabel: letters, digits, hyphens and underscores, of either case.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// Normal is a name as rules compare it: in lower case, without a dot at the
// end. ok is false for what is not a host name: it is never looked up.
func Normal(name string) (normal string, ok bool) {
	normal = lower(strings.TrimSuffix(name, "."))
	return normal, normal != "" && nameProblem(normal) == ""
}

// lower is ToLower for ASCII alone: the Kelvin sign is no k.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// isOf reports whether the rule is of a normal name.
func (r Rule) isOf(name string) bool {
	if r.name == "" {
		return false
	}
	if r.suffix {
		return strings.HasSuffix(name, "."+r.name)
	}
	return name == r.name
}

func (r Rule) hasPort(port uint16) bool { return r.port == 0 || r.port == port }
