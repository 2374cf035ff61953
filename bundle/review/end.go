package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/show"
)

// End is what is said of a layer when its jail has ended, and done with it.
type End struct {
	// Safe has what is ordinary applied. Otherwise Ask is asked.
	Safe bool
	// Apply applies what is ordinary of what the digest stands for.
	Apply func(o Options, digest string) error
	Ask   func(question string) (yes bool)
	Say   func(format string, args ...any)
}

// Do says what the layer holds, on one line, and applies what is ordinary, or not.
// No lock is held while somebody thinks: what is applied then is what was counted,
// or nothing.
func (e End) Do(o Options) error {
	o.Left = "" // the jail has said it
	r, err := New(o)
	if err != nil {
		return err
	}
	digest, empty, ordinary, line := r.Digest, r.Empty(), r.ordinary(), r.line()
	r.Close()
	if empty {
		return nil
	}
	over := ""
	if o.Elsewhere != "" {
		over = " over " + show.Visible(o.Elsewhere)
	}
	e.Say("the layer%s holds %s; to look at it: %s", over, line, r.Command())
	if !ordinary || !e.Safe && !e.Ask("apply what is ordinary? [y/N] ") {
		return nil
	}
	return e.Apply(o, digest)
}

// ordinary tells whether there is something that is applied without a yes.
func (r *Review) ordinary() bool {
	c, u := r.Counts(), r.Git
	if c.Ordinary > 0 || slices.ContainsFunc(r.Linked, (*Review).ordinary) {
		return true
	}
	if u == nil || u.Problem != "" {
		return false
	}
	if c.Refs > 0 {
		return true
	}
	for _, s := range u.Settings {
		if s.Held == "" {
			return true
		}
	}
	return u.Head != "" && u.HeadConflict == "" || len(u.Staged) > 0
}

// line says what the layer holds.
func (r *Review) line() string {
	c := r.Counts()
	var parts []string
	count := func(n int, one, many string) {
		switch {
		case n == 1:
			parts = append(parts, "1 "+one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	count(c.Left, "on the host already that it would execute or trust", "on the host already that it would execute or trust")
	count(c.Ordinary, "ordinary change", "ordinary changes")
	count(c.Refs, "branch or tag", "branches and tags")
	count(c.Held, "that the host would execute or trust", "that the host would execute or trust")
	count(c.Conflicts, "that the host changed meanwhile", "that the host changed meanwhile")
	count(c.Never, "that cannot be applied", "that cannot be applied")
	switch {
	case r.Empty():
		return "nothing"
	case len(parts) == 0:
		return "changes of .git"
	}
	return strings.Join(parts, ", ")
}
