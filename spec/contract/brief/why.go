package brief

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Verdicts of an Answer.
const (
	Allowed  = "allowed"
	Refused  = "refused"
	Brokered = "brokered" // requests are judged one by one
	Writable = "read-write"
	Readable = "read-only"
	Hidden   = "hidden"
	Vanishes = "the jail's own"
	Absent   = "not there"
)

// Answer says what would happen, and which rule decides.
type Answer struct {
	// What was asked about.
	What    string `json:"what"`
	Verdict string `json:"verdict"`
	// Rule is the element of the policy that decides, or the mode; From is the
	// layer that it is in, where that is known.
	Rule string `json:"rule,omitempty"`
	From string `json:"from,omitempty"`
	// Why says more, for people.
	Why string `json:"why,omitempty"`
	// Flag is the flag that would change it, Line the line of a policy; both
	// empty where none can.
	Flag string `json:"flag,omitempty"`
	Line string `json:"line,omitempty"`
}

// String is a line for what it is, and one for what to do.
func (a Answer) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", show.Visible(a.What), a.Verdict)
	if a.Why != "" {
		fmt.Fprintf(&b, ": %s", show.Visible(a.Why))
	}
	if a.Rule != "" {
		fmt.Fprintf(&b, "\n  rule: %s", show.Visible(a.Rule))
		if a.From != "" {
			fmt.Fprintf(&b, " (%s)", show.Visible(a.From))
		}
	}
	if a.Flag != "" {
		fmt.Fprintf(&b, "\n  to change it: %s", show.Visible(a.Flag))
	}
	if a.Line != "" {
		fmt.Fprintf(&b, "\n  or in a policy: %s", show.Visible(a.Line))
	}
	return b.String()
}

// Target is a host and a port out of HOST, HOST:PORT or an address; port is 443
// where none is given.
func Target(s string) (host string, port uint16, err error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.String(), network.HTTPSPort, nil
	}
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		host, p = s, strconv.Itoa(network.HTTPSPort)
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q has no port from 1 to 65535", s)
	}
	if _, err := netip.ParseAddr(host); err != nil {
		normal, ok := network.Normal(host)
		if !ok {
			return "", 0, fmt.Errorf("%q is neither a path nor the name or address of a host: a path begins with /, ./ or ~/", s)
		}
		host = normal
	}
	return host, uint16(n), nil
}

// Host answers about a connection. Rules are those of the jail as they are now;
// nil for those that f has.
func (f Facts) Host(host string, port uint16, rules *network.Rules) Answer {
	a := f.host(host, port, rules)
	name := a.Rule
	for _, kind := range []string{"deny ", "mode ", "broker "} {
		name = strings.TrimPrefix(name, kind)
	}
	a.From = f.Network.From[name]
	return a
}

func (f Facts) host(host string, port uint16, rules *network.Rules) Answer {
	a := Answer{What: net.JoinHostPort(host, strconv.Itoa(int(port)))}
	n := f.Network
	for _, b := range n.Brokers {
		inside := strings.TrimPrefix(b.URL, "http://")
		if host == b.Host && port == network.HTTPSPort || host == inside && port == network.BrokerPort {
			a.Verdict, a.Rule = Brokered, "broker "+b.Name
			a.Why = "each request is judged by method and path, and a key is added outside"
			return a
		}
	}
	if host == "localhost" || host == "127.0.0.1" || host == "::1" {
		a.Verdict, a.Why = Allowed, "the jail's own loopback"
		if n.Mode != network.Host && slices.Contains(n.HostPorts, port) {
			a.Rule, a.Why = "localhost:"+strconv.Itoa(int(port)), "this port of the host's loopback (network.host-ports)"
		}
		return a
	}
	if n.Mode == network.Host {
		a.Verdict, a.Rule, a.Why = Allowed, "mode host", "the network of the host, without rules"
		return a
	}
	if rules == nil {
		c := network.Config{Mode: n.Mode, Via: network.ViaRedirect, TLS: network.TLSStrict, Allow: n.Allow, Deny: n.Deny}
		parsed, err := c.Parse()
		if err != nil {
			a.Verdict, a.Why = Refused, err.Error()
			return a
		}
		rules = parsed.Rules()
	}
	var v network.Verdict
	addr, err := netip.ParseAddr(host)
	if err == nil {
		v = rules.Address(addr, port, "")
	} else {
		v = rules.Connect(host, port)
	}
	a.Rule, a.Why, a.Verdict = v.Rule, v.Why, Refused
	switch {
	case v.OK:
		a.Verdict = Allowed
		if !addr.IsValid() && host != network.HostName {
			a.Why = "as far as it leads to a public address, or to one that a rule allows"
			if f.ownAddresses() {
				a.Why += "; inside it has an address in 198.18.0.0/15, which some tools call private: [network] addresses = \"real\""
			}
		}
		return a
	case strings.HasPrefix(v.Rule, "deny "):
		return a // no rule helps against it
	case addr.IsValid() && network.Metadata(addr):
		a.Why += "; it has the credentials of this machine"
		return a
	}
	if n.Fixed {
		a.Why += "; " + network.ByMachine
		return a
	}
	line := network.AllowLine(host, port)
	if _, err := network.ParseRule(line); err != nil {
		return a
	}
	a.Flag, a.Line = "--allow "+word(line), fmt.Sprintf("[network] allow = [%q]", line)
	if n.Mode == network.None {
		a.Flag = "--net filtered " + a.Flag
	}
	return a
}

// at is the mount that shows p: the last one that holds it. A folder that is
// mounted on itself so that it stays where it is has no reason of its own.
func (f Facts) at(p string) (found Mount) {
	for _, m := range f.Mounts {
		pin := m.Why == "" && m.Mode == ReadWrite && found.Mode == ReadWrite
		if paths.Below(p, m.Path) && !pin {
			found = m
		}
	}
	return found
}

// OnHost reports whether what a program of the jail reads at a clean, absolute path
// is the host's own, and whether what it writes there is, at once.
func (f Facts) OnHost(p string) (reads, writes bool) {
	a, m := f.Path(p), f.at(p)
	// What is mounted besides is the jail's own, under a name of the host's.
	if !paths.Below(p, f.Project) && m.Why != granted {
		return false, false
	}
	switch a.Verdict {
	case Readable:
		return true, false
	case Writable:
		return true, m.Mode == ReadWrite
	}
	return false, false
}

// Path answers about a clean, absolute path without symlinks.
func (f Facts) Path(p string) Answer {
	a := Answer{What: p}
	for _, h := range f.Hidden {
		if paths.Below(p, h.Path) {
			return f.hidden(a, h)
		}
	}
	for _, r := range slices.Backward(f.Protected) {
		if paths.Below(p, r.Path) {
			a.Verdict, a.Rule, a.From = Readable, r.Path, r.From
			a.Why = r.Why + ": the host executes or trusts it, or the policy protects it; writing fails with EROFS, renaming and deleting with EBUSY; change it outside of the jail"
			return a
		}
	}
	m := f.at(p)
	a.From = m.From
	switch m.Mode {
	case ReadWrite:
		a.Verdict, a.Rule, a.Why = Writable, m.Path, m.Why
		if m.Kept {
			a.Why = cmp.Or(m.Why, "kept for the jails of this project alone") + "; what the host has there is not in the jail"
			if p != m.Path {
				a.Flag, a.Line = "--read "+word(p), fmt.Sprintf("[files] read = [%q]", p)
			}
		}
		if f.pinned(p) {
			a.Why = strings.TrimPrefix(a.Why+"; it is a mount point: renaming or deleting it fails with EBUSY", "; ")
		}
	case Layer:
		a.Verdict, a.Rule, a.Why = Writable, m.Path, "in a layer: the host has it when the user applies it (jailed-claude review)"
	case ReadOnly:
		a.Verdict, a.Rule, a.Why = Readable, m.Path, m.Why
		switch {
		case m.Path == f.Project:
			a.Line = `[files] project = "rw"`
		case m.Why == granted:
			a.Flag, a.Line = "--write "+word(m.Path), fmt.Sprintf("[files] write = [%q]", m.Path)
		}
	case Own:
		a.Verdict, a.Rule, a.Why = Vanishes, m.Path, "empty at the start, and gone when the jail ends"
		if paths.Below(p, f.Home) && p != f.Home {
			a.Why += "; what the host has there is not in the jail"
			a.Flag, a.Line = "--read "+word(p), fmt.Sprintf("[files] read = [%q]", p)
		}
	default:
		a.Verdict, a.Why = Absent, "nothing grants it; what the jail has there was made for it and is read-only"
		a.Flag, a.Line = "--read "+word(p), fmt.Sprintf("[files] read = [%q]", p)
	}
	return a
}

func (f Facts) hidden(a Answer, h Protected) Answer {
	a.Verdict, a.Rule, a.From = Hidden, h.Why, h.From
	a.Why = "it reads as empty, and cannot be written, renamed or deleted"
	return a
}

// pinned: p is a mount point, or holds one that is below a writable folder.
func (f Facts) pinned(p string) bool {
	below := func(o string) bool { return o == p || paths.Below(o, p) }
	return slices.ContainsFunc(f.Mounts, func(m Mount) bool { return below(m.Path) }) ||
		slices.ContainsFunc(f.Protected, func(r Protected) bool { return below(r.Path) })
}

// word is s as a shell takes it.
func word(s string) string {
	if plain(s) == s && !strings.ContainsAny(s, "*[]{}$~") {
		return s
	}
	return show.ShellQuote(s)
}
