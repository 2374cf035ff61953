// Package report says at the end of a jail what its network refused, and what
// would allow it.
//
// What does not belong here: deciding (package egress), and counting (tally).
package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/egress/sshagent"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Summary is what a session refused.
type Summary struct {
	// Denied destinations, the most frequent ones first.
	Denied []Denied
	// Reached destinations, the most frequent ones first, and how many connections
	// there were to others.
	Reached     []Reached
	MoreReached int
	// Added are the rules of "allow" that the user added while the jail ran.
	Added []string
	// More is how many refusals there were of destinations beyond those listed.
	More int
	// Signatures that the ssh agent did not make.
	Signatures []Unsigned
	// Bridges are what programs of the host were asked for.
	Bridges []Bridge
	// Proxies are those of the host that did not connect.
	Proxies []Unconnected
	// Brokers are those that could not do what they are for.
	Brokers Brokers
}

// Reached is one destination that was allowed, with connections to it or requests.
type Reached struct {
	Host  string
	Port  uint16
	Count int
}

// Bridge is how often programs of the host did something for the jail, and how
// often they did not. Without a name it was asked for nothing that there is.
type Bridge struct {
	Name          string
	Used, Refused int
	// Why is the last reason.
	Why string
}

// Unconnected is a proxy that did not do what it was asked to.
type Unconnected struct {
	Proxy string
	Count int
	// Why is the last error.
	Why string
}

// Unsigned is a signature that was asked for and not made.
type Unsigned struct {
	// What is "login" or "sign", Name the host or the namespace.
	What, Name string
	Count      int
	// Why is the reason of the last one.
	Why string
}

// Denied is one destination that was refused.
type Denied struct {
	// Host is a name or an address.
	Host string
	// Port is 0 for a name that was looked up only.
	Port uint16
	// Count of refusals.
	Count int
	// Why is the reason of the last one.
	Why string
	// Allow is the element of network.allow that would let it through, for a
	// name of unknown port on 443; empty if there is none.
	Allow string
}

// WhyECH is why a TLS client is refused that shows no name.
const WhyECH = `the TLS server name is encrypted (ECH; network.tls = "strict")`

// maxRefused is how many destinations are named; the session log has all.
const maxRefused = 10

// Report names the destinations that the jail was refused, and what would allow
// them: a block for people, one line for whoever reads a pipe. Names come from
// the jail, so nothing of them may speak to a terminal.
func (s *Summary) Report(out io.Writer, people bool) {
	if s == nil {
		return
	}
	s.reportSignatures(out)
	s.reportBridges(out)
	s.Brokers.report(out, s.Reached)
	for _, u := range s.Proxies {
		fmt.Fprintf(out, "jailed-claude: network: connections by your proxy failed (%d); the last: %s\n", u.Count, Plain(u.Why))
	}
	if len(s.Added) > 0 {
		fmt.Fprintf(out, "jailed-claude: network: allowed while the jail ran; to keep it in a policy: %s\n", PolicyLine(s.Added))
	}
	if len(s.Denied) == 0 {
		return
	}
	count, more, shown := fmt.Sprintf("%d destinations were refused", len(s.Denied)), "", s.Denied
	switch {
	case s.More > 0:
		count = fmt.Sprintf("more than %d destinations were refused", len(s.Denied))
	case len(s.Denied) == 1:
		count = "1 destination was refused"
	}
	if len(shown) > maxRefused {
		shown, more = shown[:maxRefused], fmt.Sprintf("and %d more", len(s.Denied)-maxRefused)
	}
	if s.More > 0 {
		more = "and others"
	}
	allow := allowing(shown)
	if !people {
		names := make([]string, 0, len(shown)+1)
		for _, d := range shown {
			names = append(names, destination(d))
		}
		if more != "" {
			names = append(names, more)
		}
		line := count + ": " + strings.Join(names, ", ")
		if len(allow) > 0 {
			line += "; to allow: " + flags(allow)
		}
		fmt.Fprintf(out, "jailed-claude: network: %s\n", line)
		encrypted(out, shown)
		return
	}
	fmt.Fprintf(out, "jailed-claude: network: %s:\n", count)
	for _, d := range shown {
		times := ""
		if d.Count > 1 {
			times = fmt.Sprintf(" (%d times)", d.Count)
		}
		fmt.Fprintf(out, "  %s%s: %s\n", destination(d), times, Plain(d.Why))
	}
	if more != "" {
		fmt.Fprintf(out, "  %s\n", more)
	}
	encrypted(out, shown)
	if len(allow) > 0 {
		fmt.Fprintf(out, "jailed-claude: hint: to allow them: %s\n", flags(allow))
		fmt.Fprintf(out, "jailed-claude: hint: or in a policy: %s\n", PolicyLine(allow))
	}
}

// reportSignatures names the signatures that were not made: git makes a tag
// without one, and says nothing.
func (s *Summary) reportSignatures(out io.Writer) {
	for i, u := range s.Signatures {
		if i == maxRefused {
			fmt.Fprintf(out, "jailed-claude: ssh: and %d more were refused\n", len(s.Signatures)-i)
			return
		}
		what, then := "a login", ""
		if u.Name != "" {
			what += " at " + Plain(u.Name)
		}
		if u.What == sshagent.Sign {
			what = "a signature for " + Plain(u.Name)
		}
		if u.What == sshagent.Sign && u.Name == network.SignGit {
			then = "; a commit or tag that asked for it has none"
		}
		times := ""
		if u.Count > 1 {
			times = fmt.Sprintf(" (%d times)", u.Count)
		}
		fmt.Fprintf(out, "jailed-claude: ssh: %s was refused%s: %s%s\n", what, times, Plain(u.Why), then)
	}
}

// reportBridges says what the jail had the host do.
func (s *Summary) reportBridges(out io.Writer) {
	for _, b := range s.Bridges {
		name := b.Name
		if name == "" {
			name = "malformed requests"
		}
		var did []string
		if b.Used > 0 {
			did = append(did, "used "+times(b.Used))
		}
		if b.Refused > 0 {
			did = append(did, fmt.Sprintf("refused or failed %s, the last: %s", times(b.Refused), Plain(b.Why)))
		}
		fmt.Fprintf(out, "jailed-claude: bridges: %s: %s\n", name, strings.Join(did, "; "))
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// PolicyLine is what a policy says to allow these rules.
func PolicyLine(allow []string) string {
	return "[network] allow = [" + strings.Join(quoted(allow), ", ") + "]"
}

// allowing are the elements of "allow" that would let these through, as far as
// there are any.
func allowing(denied []Denied) []string {
	var rules []string
	have := map[string]bool{}
	for _, d := range denied {
		// What passes as a rule has no character that a shell or TOML knows.
		if _, err := network.ParseRule(d.Allow); err == nil && !have[d.Allow] {
			have[d.Allow] = true
			rules = append(rules, d.Allow)
		}
	}
	return rules
}

func flags(allow []string) string {
	words := make([]string, len(allow))
	for i, a := range allow {
		if strings.ContainsAny(a, "*[") {
			a = "'" + a + "'"
		}
		words[i] = "--allow " + a
	}
	return strings.Join(words, " ")
}

func quoted(rules []string) []string {
	q := make([]string, len(rules))
	for i, r := range rules {
		q[i] = strconv.Quote(r)
	}
	return q
}

// destination is a name or an address, and the port if one was asked for.
func destination(d Denied) string {
	host := Plain(d.Host)
	if d.Port == 0 {
		return host
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(d.Port))
}

// encrypted says what a name that was refused for its TLS needs: a rule does not
// help, and the programs give no reason.
func encrypted(out io.Writer, denied []Denied) {
	var names []string
	for _, d := range denied {
		if d.Why == WhyECH {
			names = append(names, destination(d))
		}
	}
	if len(names) > 0 {
		fmt.Fprintf(out, "jailed-claude: hint: %s: a browser hid the name of the server (ECH), which mode \"filtered\" has to see: "+
			"switch it off there (Chromium: the policy EncryptedClientHelloEnabled, Firefox: security.tls.ech.grease_probability), or network.tls = \"any\"\n", strings.Join(names, ", "))
	}
}

// Told is the line that a jail may read of a refusal: nothing that it did not do
// itself, and what the user could do.
func Told(d *Denied) string {
	line := fmt.Sprintf("refused %s: %s", destination(*d), Plain(d.Why))
	if allow := allowing([]Denied{*d}); len(allow) > 0 {
		line += "; the user can allow it: " + flags(allow)
	}
	return line
}

// Barred says of a destination that no rule can allow why that is so.
func Barred(d Denied) string { return destination(d) + ": " + Plain(d.Why) }

// Plain quotes what is not printable ASCII.
func Plain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return strconv.QuoteToASCII(s)
	}
	return s
}
