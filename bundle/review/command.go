package review

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/bundle/review/page"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// Command is what a user wants of a layer: to look at it, or one of Apply, Discard
// and Undo.
type Command struct {
	Wanted
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
func (c Command) Do(options func() (Options, error)) error {
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
	case !c.Apply && len(c.Executes)+len(c.Over) > 0:
		return errors.New("--yes-executes and --over need --apply")
	}
	o, err := options()
	if err != nil {
		return err
	}
	if c.Apply || c.Discard || c.Undo {
		return c.change(o)
	}
	r, err := New(o)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := c.clean(r); err != nil {
		return err
	}
	switch {
	case c.JSON:
		return c.json(r)
	case c.HTML != "":
		if err := r.HTML(c.HTML); err != nil {
			return err
		}
		c.Say("wrote %s", show.Visible(c.HTML))
		return nil
	case r.Empty():
		for _, n := range r.Notes {
			c.Say("%s", n)
		}
		c.Say("the layer holds no change")
		return nil
	}
	if err := r.Text(c.Out, Shown{Colour: c.Colour, Paths: c.Paths}); err != nil {
		return err
	}
	c.hints(r)
	return nil
}

func (c Command) json(r *Review) error {
	named := Wanted{Paths: c.Paths}
	var items []*Item
	for _, i := range r.Items {
		if named.wants(i.Path) {
			items = append(items, i)
		}
	}
	for n, text := range r.diffs(items, maxDiff) {
		items[n].Diff = text
	}
	view := *r
	view.Items = append([]*Item{}, items...)
	return encode(c.Out, view)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func (c Command) hints(r *Review) {
	n := r.Counts()
	if n.Ordinary+n.Refs > 0 {
		c.Say("to apply what is ordinary: %s --apply; to drop it: --discard", r.dir.Review())
	}
	if n.Held > 0 {
		c.Say("to apply what waits for a yes: %s --apply --yes-executes PATH", r.dir.Review())
	}
}

// change applies, discards or takes back.
func (c Command) change(o Options) error {
	r, err := Lock(o)
	if err != nil {
		return err
	}
	defer r.Close()
	var d Done
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
		c.report(r.dir.Review(), d, err)
	}
	if errors.Is(err, apply.ErrNone) {
		return err
	}
	if err == nil && len(d.Failed) > 0 {
		err = ErrFailed
	}
	return err
}

// report says what became of it.
func (c Command) report(command string, d Done, err error) {
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
	case d.Kept != "":
		c.Say("discarded; until the next time it is in %s", show.Visible(d.Kept))
	default:
		if d.Finished {
			c.Say("finished the apply that was interrupted")
		}
		if d.Files+d.Refs == 0 {
			c.Say("nothing was applied")
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

// HTML writes the review as a page.
func (r *Review) HTML(name string) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(name), ".review-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name())
		}
	}()
	if err := errors.Join(page.Write(temporary, r.page()), temporary.Close()); err != nil {
		return hint.Add(fmt.Errorf("write the page: %w", err), "to write it elsewhere: --html FILE")
	}
	return os.Rename(temporary.Name(), name)
}

// open is how many changes are shown unfolded.
const open = 50

func (r *Review) page() page.Page {
	n := r.Counts()
	p := page.Page{
		Title: show.Line(r.Project), Since: r.Since.Local().Format(time.DateTime), Digest: r.Digest,
		Counts: []page.Count{{Number: n.Held, What: "wait for a yes", Alert: true}, {Number: n.Conflicts, What: "conflicts", Alert: true}, {Number: n.Never, What: "cannot be applied", Alert: true}, {Number: n.Refs, What: "refs"}, {Number: n.Ordinary, What: "ordinary changes"}},
	}
	for _, note := range r.Notes {
		p.Notes = append(p.Notes, show.Line(note))
	}
	if r.Git != nil {
		if p.Git = gitLines(r.Git); r.Git.Problem != "" {
			p.Git = append([]string{"cannot be read or applied: " + show.Line(r.Git.Problem)}, p.Git...)
		}
		if len(p.Git) > 0 {
			p.Git[0] = strings.TrimPrefix(p.Git[0], "\n")
		}
	}
	titles := []string{"Waits for a yes: the host would execute or trust it", "Cannot be applied", "Conflicts", "Changes"}
	sections := make([]page.Section, len(titles))
	diffs := r.diffs(r.Items, maxDiff)
	for k, i := range r.Items {
		s := &sections[rank(i)]
		s.Items = append(s.Items, page.Item{Line: i.Line(), Why: show.Line(i.Why), Remarks: i.Remarks(), Diff: diffs[k], Closed: len(s.Items) >= open})
	}
	for k, s := range sections {
		if len(s.Items) > 0 {
			s.Title, s.Held = titles[k], k == 0
			p.Sections = append(p.Sections, s)
		}
	}
	for _, d := range r.Network {
		p.Network = append(p.Network, page.Decision{Time: d.Time, Allowed: d.Allowed, What: d.What, Why: d.Why})
	}
	return p
}
