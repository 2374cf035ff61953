package claude

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/ask"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Wanted is what the user wants of a review, and how to talk to him.
type Wanted struct {
	// Take and Drop are pieces by their names; with none, each is asked about.
	Take, Drop []string
	// Yes: what is named is done without a question.
	Yes bool
	// Help is a command that says more about Yes.
	Help string
	// Ask asks a question; nil where nobody can be asked.
	Ask func(question string) string
	// Show shows a piece before anything is done with it, and Nothing says that
	// there is none.
	Show    func(*Piece)
	Nothing func()
	// JSON, if there is one, prints pieces in place of Show: all, or those of
	// which something was done.
	JSON func([]*Piece) error
}

// Do shows changes, and does with each what the user says.
func (r *Review) Do(w Wanted) error {
	named := len(w.Take)+len(w.Drop) > 0
	choices, err := r.choose(w.Take, w.Drop)
	if err != nil {
		return err
	}
	switch {
	case named && !w.Yes && (w.Ask == nil || w.JSON != nil):
		return hint.Add(ask.ErrNobody, "review them first, then add --yes")
	case named:
	case w.Yes:
		return hint.Add(errors.New("--yes needs --take or --drop"), w.Help)
	case w.JSON != nil:
		return w.JSON(append([]*Piece{}, r.Pieces...))
	case len(r.Pieces) == 0:
		w.Nothing()
	default:
		choices = r.all()
	}
	done, err := walk(choices, func(t choice) string {
		if w.JSON == nil {
			w.Show(t.Piece)
		}
		switch {
		case w.Yes:
			return "y"
		case w.Ask == nil:
			return "" // nobody can be asked
		}
		return w.Ask(t.question)
	})
	if w.JSON != nil {
		err = errors.Join(err, w.JSON(done))
	}
	return err
}

// choice is what can be done with a piece.
type choice struct {
	*Piece
	// question asks what to do.
	question string
	// do is what answers do.
	do map[string]func() error
	// named: somebody asked for it by name, so another answer is an error.
	named bool
}

// walk does what answer says of each choice, and returns the pieces of which
// something was done. It goes on after errors, and ends at "q".
func walk(choices []choice, answer func(choice) string) (done []*Piece, err error) {
	var errs []error
	done = []*Piece{} // for JSON
	for _, c := range choices {
		a := answer(c)
		do := c.do[a]
		switch {
		case do != nil:
			if err := do(); err != nil {
				errs = append(errs, err)
			} else {
				done = append(done, c.Piece)
			}
		case c.named:
			errs = append(errs, fmt.Errorf("%s: not done", show.Visible(c.Path)))
		case a == "q" || a == "quit":
			return done, errors.Join(errs...)
		}
	}
	return done, errors.Join(errs...)
}

// all are the pieces, to be taken or dropped.
func (r *Review) all() (all []choice) {
	for _, p := range r.Pieces {
		take, drop := func() error { return r.Take(p) }, func() error { return r.Drop(p) }
		c := choice{p, "copy it to your own configuration? [y/N, d drops it, q quits] ", map[string]func() error{"y": take, "yes": take, "d": drop, "drop": drop}, false}
		if p.Problem != "" {
			c.question = "drop it? [d/N, q quits] "
		}
		all = append(all, c)
	}
	return all
}

// choose finds the pieces that are named for Take and for Drop. A name may have
// the digest that the piece must have: NAME@sha256:….
func (r *Review) choose(take, drop []string) ([]choice, error) {
	var all []choice
	for _, names := range []struct {
		list     []string
		do       func(*Piece) error
		question string
	}{{take, r.Take, "copy it to your own configuration? [y/N] "}, {drop, r.Drop, "drop it from the private configuration? [y/N] "}} {
		for _, name := range names.list {
			p, err := r.named(name)
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(all, func(c choice) bool { return c.Piece == p }) {
				return nil, fmt.Errorf("%s is named twice", show.Visible(name))
			}
			do := func() error { return names.do(p) }
			all = append(all, choice{p, names.question, map[string]func() error{"y": do, "yes": do}, true})
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
		return nil, hint.Add(fmt.Errorf("the agent changed nothing named %s", show.Visible(path)), "to see all names: jailed-claude config review")
	case pinned && p.Digest != digest:
		return nil, hint.Add(fmt.Errorf("%s has changed: its digest is now %s", show.Visible(path), p.Digest), "review it again: jailed-claude config review")
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
	fmt.Fprintf(&b, "\n%s: %s, %s\n", show.Line(p.Path), p.Change, effect)
	if p.Problem != "" {
		fmt.Fprintf(&b, "cannot be copied: %s\n", p.Problem)
	}
	b.WriteString(p.Diff)
	if p.Diff != "" && !strings.HasSuffix(p.Diff, "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}
