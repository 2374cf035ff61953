// Package tally counts what a session decided, by destination.
//
// What does not belong here: the lines of its log (package egress), and what is
// said of it all at the end (report).
package tally

import (
	"cmp"
	"maps"
	"slices"

	"github.com/jailed-claude/jailed-claude/runtime/egress/event"
	"github.com/jailed-claude/jailed-claude/runtime/egress/report"
	"github.com/jailed-claude/jailed-claude/runtime/egress/sshagent"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// MaxDenied destinations are listed.
const MaxDenied = 50

type host struct {
	name string
	port uint16
}

// Tally is what one session decided.
type Tally struct {
	// rules without effect here: mode none has none.
	none   bool
	denied map[host]*report.Denied
	more   int
	// reached is what was allowed; moreReached beyond that.
	reached     map[host]int
	moreReached int
	// proxies by what they are.
	proxies map[string]*report.Unconnected
	// unsigned by what they were for.
	unsigned map[[2]string]*report.Unsigned
	// bridges by their names.
	bridges map[string]*report.Bridge
	brokers report.Brokers
}

// New is that of a session of a mode (spec/network), which has decided nothing.
func New(mode string) *Tally {
	return &Tally{none: mode == network.None, denied: map[host]*report.Denied{}, unsigned: map[[2]string]*report.Unsigned{}, proxies: map[string]*report.Unconnected{}, reached: map[host]int{}, bridges: map[string]*report.Bridge{}, brokers: report.Brokers{}}
}

// Add counts a decision. If it is a refusal, it returns what is known of its destination if that was
// not refused before.
func (s *Tally) Add(e event.Event) (first *report.Denied) {
	if e.Kind == event.KindSSH && e.Verdict != event.Allow && (e.Method == sshagent.Login || e.Method == sshagent.Sign) {
		s.addUnsigned(e)
	}
	if e.Kind == event.KindBroker && (e.Method == "" || e.Keyless) {
		s.brokers.Add(e.Name, e.Why, e.Keyless)
	}
	s.addReached(e)
	if e.Kind == event.KindBridge {
		s.addBridge(e)
	}
	if e.Verdict != event.Deny || e.Kind != event.KindDNS && e.Kind != event.KindTCP {
		return nil
	}
	h := host{e.Name, e.Port}
	if h.name == "" {
		h.name = e.Address
	}
	d := s.denied[h]
	if d == nil {
		if len(s.denied) >= MaxDenied {
			s.more++
			return nil
		}
		d = &report.Denied{Host: h.name, Port: h.port}
		s.denied[h], first = d, d
	}
	d.Count++
	d.Why, d.Allow = e.Why, e.AllowLine
	if s.none {
		d.Allow = ""
	}
	return first
}

// addReached counts a connection or a request of the jail's that was allowed.
func (s *Tally) addReached(e event.Event) {
	if e.Verdict != event.Allow || e.Kind != event.KindTCP && e.Kind != event.KindBroker {
		return
	}
	h := host{cmp.Or(e.Name, e.Address), e.Port}
	if _, known := s.reached[h]; !known && len(s.reached) >= MaxDenied {
		s.moreReached++
		return
	}
	s.reached[h]++
}

func (s *Tally) addBridge(e event.Event) {
	b := s.bridges[e.Method]
	if b == nil {
		b = &report.Bridge{Name: e.Method} // there are as many as bridges
		s.bridges[e.Method] = b
	}
	if e.Verdict == event.Allow {
		b.Used++
		return
	}
	b.Refused++
	b.Why = e.Why
}

func (s *Tally) addUnsigned(e event.Event) {
	what := [2]string{e.Method, e.Name}
	u := s.unsigned[what]
	if u == nil {
		if len(s.unsigned) >= MaxDenied {
			return
		}
		u = &report.Unsigned{What: e.Method, Name: e.Name}
		s.unsigned[what] = u
	}
	u.Count++
	u.Why = e.Why
}

// Unconnected counts what a proxy did not do, and why.
func (s *Tally) Unconnected(proxy, why string) {
	u := s.proxies[proxy]
	if u == nil {
		u = &report.Unconnected{Proxy: proxy} // there are as many as variables
		s.proxies[proxy] = u
	}
	u.Count++
	u.Why = why
}

// Refused is how many destinations were.
func (s *Tally) Refused() int { return len(s.denied) + s.more }

// Result is what was counted so far.
func (s *Tally) Result() *report.Summary {
	r := &report.Summary{More: s.more, MoreReached: s.moreReached, Brokers: maps.Clone(s.brokers)}
	for h, n := range s.reached {
		r.Reached = append(r.Reached, report.Reached{Host: h.name, Port: h.port, Count: n})
	}
	slices.SortFunc(r.Reached, func(a, b report.Reached) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port))
	})
	for _, d := range s.denied {
		r.Denied = append(r.Denied, *d)
	}
	for _, u := range s.proxies {
		r.Proxies = append(r.Proxies, *u)
	}
	slices.SortFunc(r.Proxies, func(a, b report.Unconnected) int { return cmp.Compare(a.Proxy, b.Proxy) })
	for _, name := range slices.Sorted(maps.Keys(s.bridges)) {
		r.Bridges = append(r.Bridges, *s.bridges[name])
	}
	for _, u := range s.unsigned {
		r.Signatures = append(r.Signatures, *u)
	}
	slices.SortFunc(r.Signatures, func(a, b report.Unsigned) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(r.Denied, func(a, b report.Denied) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port))
	})
	return r
}
