package egress

import (
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestReached: what the jail reached are its connections and requests, and nothing
// else that is allowed while it runs.
func TestReached(t *testing.T) {
	s := newSummary(network.Filtered)
	for kind, e := range map[string]Event{
		KindTCP: {Name: "a.example", Port: 22}, KindBroker: {Name: "anthropic"},
		KindDNS: {Name: "a.example"}, KindSSH: {Name: "git"}, KindRule: {Name: "b.example"}, KindPort: {Address: "127.0.0.1:50123", Port: 3000},
	} {
		e.Kind, e.Verdict = kind, Allow
		s.add(e)
	}
	if got := s.result().Reached; len(got) != 2 || got[0].Host != "a.example" || got[0].Port != 22 || got[1].Host != "anthropic" {
		t.Errorf("%+v", got)
	}
}
