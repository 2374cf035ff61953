package receipt

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Show prints what a receipt says, for people.
func (o *Opened) Show(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	p := o.Predicate
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, show.Visible(fmt.Sprintf(format, args...)))
	}
	line("session", "%s", p.Session.ID)
	line("project", "%s", p.Session.Project)
	line("agent", "%s", words(p.Agent.Name, p.Agent.Version, p.Agent.Program))
	if c := p.Session.Container; c != nil {
		line("container", "created by %s, %s", c.Path, c.Digest)
	}
	line("started", "%s", p.Session.Started.Format(time.RFC3339))
	line("ended", "%s, after %s", p.Session.Ended.Format(time.RFC3339), p.Session.Ended.Sub(p.Session.Started))
	line("exit status", "%d", p.Session.ExitStatus)
	line("configuration", "%s", o.Of(ConfigName))
	line("policy", "%s", p.Policy.Effective)
	line("  of the project", "%s", p.Policy.Project)
	if p.Lock != "" {
		line("lock", "%s", p.Lock)
	}
	line("network", "%s", p.Network.Mode)
	for _, list := range []struct {
		what string
		all  []Decision
		more int
	}{{"  allowed", p.Network.Allowed, p.Network.MoreAllowed}, {"  refused", p.Network.Refused, p.Network.MoreRefused}, {"  bridge", p.Network.Bridges, 0}} {
		for _, d := range list.all {
			line(list.what, "%s", words(fmt.Sprintf("%s (%d)", d.What, d.Count), d.Why))
		}
		if list.more > 0 {
			line(list.what, "and %d more", list.more)
		}
	}
	for _, rule := range p.Network.Added {
		line("  added", "%s", rule)
	}
	for _, c := range p.Changed {
		line("changed", "%s", words(fmt.Sprintf("%q", c.Path), c.Kind, c.Digest, c.Why))
	}
	if p.Unlisted > 0 {
		line("changed", "and %d more", p.Unlisted)
	}
	if p.LayerChanges > 0 {
		line("layer", "%d changes, %s", p.LayerChanges, o.Of(LayerName))
		if p.LayerUnread > 0 {
			line("layer", "%d of them without their content, which was too much", p.LayerUnread)
		}
	}
	for _, k := range o.Keys {
		line("signed", "%s %s", k.Type(), ssh.FingerprintSHA256(k))
	}
	return t.Flush()
}

func words(all ...string) (s string) {
	for _, w := range all {
		if w != "" && s != "" {
			s += " "
		}
		s += w
	}
	return s
}

// Verdict says what was found good by Verify.
func (o *Opened) Verdict(w Wanted) string {
	s := o.Predicate.Session
	good := fmt.Sprintf("session %s, which ended with %d", show.Visible(s.ID), s.ExitStatus)
	switch {
	case w.Signers != nil:
		return good + ": signed by " + show.Visible(w.Identity)
	case len(o.Keys) > 0:
		return good + ": signed with " + ssh.FingerprintSHA256(o.Keys[0]) + ", and nobody was asked whose key that is (--allowed-signers)"
	}
	return good + ": not signed, so as true as the place it was kept in"
}
