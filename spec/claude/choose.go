package claude

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Choice is what somebody wants done with a piece.
type Choice struct {
	*Piece
	// What is done, as a question has it.
	What string
	// Do does it.
	Do func() error
}

// Choose finds the pieces that are named for Take and for Drop. A name may have
// the digest that the piece must have: NAME@sha256:….
func (r *Review) Choose(take, drop []string) ([]Choice, error) {
	var all []Choice
	for _, names := range []struct {
		list []string
		do   func(*Piece) error
		what string
	}{{take, r.Take, "take over to the host"}, {drop, r.Drop, "drop from the private configuration"}} {
		for _, name := range names.list {
			p, err := r.named(name)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(all, func(c Choice) bool { return c.Piece == p }) {
				return nil, fmt.Errorf("%s is named twice", show.Visible(name))
			}
			all = append(all, Choice{Piece: p, What: names.what, Do: func() error { return names.do(p) }})
		}
	}
	return all, nil
}

func (r *Review) named(name string) (*Piece, error) {
	path, digest, pinned := name, "", false
	if i := strings.LastIndex(name, "@sha256:"); i >= 0 {
		path, digest, pinned = name[:i], name[i+1:], true
	}
	p := r.Find(path)
	switch {
	case p == nil:
		return nil, hint.Add(fmt.Errorf("the agent changed nothing of the name %s", show.Visible(path)), "jailed-claude config review shows all names")
	case pinned && p.Digest != digest:
		return nil, hint.Add(fmt.Errorf("%s is not what it was: it has the digest %s", show.Visible(path), p.Digest), "review it again")
	}
	return p, nil
}

// Text is a piece for a terminal: its name, what it does, and the diff. colour
// makes the words red that matter.
func (p *Piece) Text(colour bool) string {
	effect := string(p.Effect)
	if p.Effect != Harmless {
		effect = strings.ToUpper(effect)
	}
	if colour && (p.Effect == Executes || p.Effect == Unknown) {
		effect = "\x1b[1;31m" + effect + "\x1b[0m"
	}
	if p.Why != "" {
		effect += " (" + p.Why + ")"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: %s, %s\n", VisibleLine(p.Path), p.Change, effect)
	if p.Problem != "" {
		fmt.Fprintf(&b, "cannot be taken over: %s\n", p.Problem)
	}
	b.WriteString(p.Diff)
	if p.Diff != "" && !strings.HasSuffix(p.Diff, "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}
