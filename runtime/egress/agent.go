package egress

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/bridge"
	"github.com/jailed-claude/jailed-claude/runtime/bridge/ide"
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

// ServeBridges serves the jail's socket for programs of the host, as ServeAgent
// does, and leads to the window of an editor. It adds what only a session knows.
func (s *Session) ServeBridges(l net.Listener, o bridge.Options, files ide.Files) {
	o.Rules, o.Log, o.MayPublish, o.Publish = s.Rules, s.logBridge, s.config.MayPublish, s.publishFor
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = l.Close()
		return
	}
	s.hostPorts = append(s.hostPorts, l)
	s.bridges = bridge.New(o)
	s.running.Go(func() { s.bridges.Serve(s.ctx, l) })
	e := ide.New(o, files, func(ctx context.Context, port uint16) (net.Conn, error) {
		return s.dial(ctx, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
	})
	for _, l := range s.editor {
		s.accepting.Go(func() {
			s.accept(l, func(k *link) {
				defer k.finish()
				k.decided()
				e.Serve(s.ctx, k.in)
			})
		})
	}
}

// Notify shows a notification on the desktop, if the jail may by its bridges. It
// waits for nothing.
func (s *Session) Notify(title string, body ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bridges != nil && !s.closed {
		s.running.Go(func() { s.bridges.Notify(s.ctx, title, body...) })
	}
}

// publishFor publishes a port of the jail's until a page has answered there. One
// that is published already stays.
func (s *Session) publishFor(port uint16) error {
	if slices.Contains(s.Ports(), port) {
		return nil
	}
	err := s.Publish(port)
	if err == nil {
		time.AfterFunc(bridge.AnswerTime, func() { _ = s.Unpublish(port) })
	}
	return err
}

func (s *Session) logBridge(b bridge.Event) {
	e := Event{Kind: KindBridge, Method: b.Bridge, Name: b.Name, Path: b.Path, Verdict: Fail, Why: b.Why, Received: int64(b.Received)}
	switch {
	case b.Refused:
		e.Verdict = Deny
	case b.OK:
		e.Verdict, e.Rule = Allow, "bridges."+b.Bridge
	}
	s.journal.event(e)
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
