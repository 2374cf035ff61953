package command

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/jailed-claude/jailed-claude/bundle/review"
	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Command is what a user wants of a layer: to look at it, or one of Apply, Discard
// and Undo.
type Command struct {
	review.Wanted
	Apply, Discard, Undo bool
	// JSON and HTML are forms to look at it; HTML is a file.
	JSON bool
	HTML string
	// Out gets what is shown, Say a line of ours. Colour: Out is a terminal.
	Out    io.Writer
	Say    func(format string, args ...any)
	Colour bool
}

// Do carries it out. options are asked for when they are needed.
func (c Command) Do(options func() (review.Options, error)) error {
	n := 0
	for _, b := range []bool{c.Apply, c.Discard, c.Undo, c.HTML != "" || c.JSON && !c.Apply && !c.Discard && !c.Undo} {
		if b {
			n++
		}
	}
	switch {
	case n > 1:
		return errors.New("--apply, --discard, --undo and --html go one at a time")
	case c.Undo && len(c.Paths) > 0:
		return errors.New("--undo takes back all that was applied last: it takes no PATH")
	case !c.Apply && len(c.Executes) > 0 || !c.Apply && !c.Discard && len(c.Over) > 0:
		return errors.New("--yes-executes needs --apply, and --over --apply or --discard")
	}
	o, err := options()
	if err != nil {
		return err
	}
	if c.Apply || c.Discard || c.Undo {
		return c.change(o)
	}
	r, err := review.New(o)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := c.Clean(r); err != nil {
		return err
	}
	switch {
	case c.JSON:
		return c.json(r)
	case c.HTML != "":
		if err := html(r, c.HTML); err != nil {
			return err
		}
		c.Say("wrote %s", show.Visible(c.HTML))
		return nil
	case r.Empty():
		for _, n := range r.Notes {
			c.Say("%s", n)
		}
		if r.Bare() {
			c.Say("nothing is left to look at")
		} else {
			c.Say("the layer holds no change")
		}
		return nil
	}
	if err := r.Text(c.Out, review.Shown{Colour: c.Colour, Paths: c.Paths}); err != nil {
		return err
	}
	c.hints(r)
	return nil
}

func (c Command) json(r *review.Review) error {
	named := review.Wanted{Paths: c.Paths}
	var items []*review.Item
	for _, i := range r.Items {
		if named.Wants(i.Path) {
			items = append(items, i)
		}
	}
	for n, text := range r.Diffs(items, review.MaxDiff) {
		items[n].Diff = text
	}
	view := *r
	view.Items = append([]*review.Item{}, items...)
	return encode(c.Out, view)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (c Command) hints(r *review.Review) {
	n := r.Counts()
	if n.Left > 0 {
		c.Say("to drop what is on the host already: %s --discard PATH; to leave it there: --apply --yes-executes PATH", r.Command())
	}
	if n.Ordinary+n.Refs > 0 {
		c.Say("to apply what is ordinary: %s --apply; to drop it: --discard", r.Command())
	}
	if n.Held > 0 {
		c.Say("to apply what waits for a yes: %s --apply --yes-executes PATH", r.Command())
	}
}

// change applies, discards or takes back.
func (c Command) change(o review.Options) error {
	r, err := review.Lock(o)
	if err != nil {
		return err
	}
	defer r.Close()
	var d apply.Done
	switch {
	case c.Apply:
		d, err = r.Apply(c.Wanted)
	case c.Discard:
		d, err = r.Discard(c.Wanted)
	default:
		d, err = r.Undo(nil)
	}
	if c.JSON {
		err = errors.Join(encode(c.Out, d), err)
	} else {
		c.report(r.Command(), d, err)
		for _, note := range r.Notes {
			c.Say("%s", show.Line(note))
		}
	}
	if errors.Is(err, apply.ErrNone) {
		return err
	}
	if err == nil && len(d.Failed) > 0 {
		err = review.ErrFailed
	}
	return err
}

// report says what became of it.
func (c Command) report(command string, d apply.Done, err error) {
	for _, f := range d.Failed {
		c.Say("left as it was: %s: %s", show.Visible(f.Path), show.Escape(f.Why))
	}
	if err != nil {
		return
	}
	switch {
	case d.Back && d.Finished:
		c.Say("finished taking back what was applied; the layer has it again")
	case d.Back:
		c.Say("took back what was applied last; the layer has it again")
	case d.Kept+d.Dropped != "":
		if d.Kept != "" {
			c.Say("discarded; until the next time it is in %s", show.Visible(d.Kept))
		}
		if d.Dropped != "" && d.Files > 0 {
			c.Say("dropped from the host; until the next time it is in %s", show.Visible(d.Dropped))
		}
	case c.Discard:
		c.Say("there is nothing to discard")
	default:
		if d.Finished {
			c.Say("finished the apply that was interrupted")
		}
		if d.Accepted > 0 {
			c.Say("left on the host, and not shown any more: %d", d.Accepted)
		}
		if d.Files+d.Refs == 0 {
			if d.Accepted == 0 {
				c.Say("nothing was applied")
			}
		} else {
			c.Say("applied %s; to take it back: %s --undo", d, command)
		}
	}
	switch {
	case d.Held == 1:
		c.Say("one change was left in the layer: %s", command)
	case d.Held > 1:
		c.Say("%d changes were left in the layer: %s", d.Held, command)
	}
}
