package egress

import (
	"net"

	"github.com/jailed-claude/jailed-claude/runtime/egress/sshagent"
)

// ServeAgent serves the ssh agent of the jail on l, which Close closes. The
// configuration has one.
func (s *Session) ServeAgent(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.agent == nil {
		_ = l.Close()
		return
	}
	s.hostPorts = append(s.hostPorts, l)
	s.running.Go(func() { s.agent.Serve(l) })
}

// logAgent logs what the jail asked its ssh agent for.
func (s *Session) logAgent(a sshagent.Event) {
	e := Event{Kind: KindSSH, Method: a.What, Name: a.Name, Key: a.Key, Verdict: Fail, Why: a.Why}
	switch {
	case a.Refused:
		e.Verdict = Deny
	case a.OK:
		e.Verdict = Allow
		e.Rule = "ssh.hosts " + a.Name
		if a.What == sshagent.Sign {
			e.Rule = "ssh.sign " + a.Name
		}
	}
	s.journal.event(e)
}
