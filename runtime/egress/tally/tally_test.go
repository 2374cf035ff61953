package tally

import (
	"testing"

	"github.com/jailed-claude/jailed-claude/runtime/egress/event"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestReached: what the jail reached are its connections and requests, and nothing
// else that is allowed while it runs.
func TestReached(t *testing.T) {
	s := New(network.Filtered)
	for kind, e := range map[string]event.Event{
		event.KindTCP: {Name: "a.example", Port: 22}, event.KindBroker: {Name: "anthropic"},
		event.KindDNS: {Name: "a.example"}, event.KindSSH: {Name: "git"}, event.KindRule: {Name: "b.example"}, event.KindPort: {Address: "127.0.0.1:50123", Port: 3000},
	} {
		e.Kind, e.Verdict = kind, event.Allow
		s.Add(e)
	}
	if got := s.Result().Reached; len(got) != 2 || got[0].Host != "a.example" || got[0].Port != 22 || got[1].Host != "anthropic" {
		t.Errorf("%+v", got)
	}
}
