package review

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/bundle/review/left"
	"github.com/jailed-claude/jailed-claude/bundle/review/seen"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Left says of an item that it lies on the host already: a jail left it that had no
// layer.
type Left struct {
	// Session is that of the jail, and Ended when it had ended.
	Session string    `json:"session"`
	Ended   time.Time `json:"ended"`
	// Was is what was there before: "nothing", "kept" (it can be put back) or "unknown".
	Was string `json:"was"`
	// Changed: it is not what the jail left.
	Changed bool `json:"changed,omitempty"`

	item *left.Item
}

// left reads what lies on the host. What is as it was before is not looked at any
// more.
func (r *Review) left() error {
	if r.o.Left == "" {
		return nil
	}
	sessions, err := left.Read(r.o.Left, r.o.Project)
	if err != nil {
		return err
	}
	have := map[string]*Item{}
	for n := range sessions {
		s := &sessions[n]
		all := len(s.Items)
		s.Items = slices.DeleteFunc(s.Items, func(l left.Item) bool {
			now, still, _ := l.Now()
			if !still {
				return true
			}
			i := leftItem(r.o.Project, s, &l, now)
			if older := have[i.Path+"\n"+l.Overlooked]; older != nil {
				// What was there before is known by the first jail that changed it.
				older.Why, older.Left.Session, older.Left.Ended, older.Left.Changed = i.Why, s.ID, s.Ended, i.Left.Changed
				return false
			}
			have[i.Path+"\n"+l.Overlooked] = i
			r.Items = append(r.Items, i)
			return false
		})
		if len(s.Items) < all {
			if err := s.Keep(r.o.Left); err != nil {
				return err
			}
		}
	}
	return nil
}

func leftItem(project string, s *left.Session, l *left.Item, now *upper.State) *Item {
	at := l.At()
	if rel, err := filepath.Rel(project, at); err == nil && filepath.IsLocal(rel) {
		at = rel
	}
	i := &Item{Path: at, Why: l.Why, Old: l.Before, New: now, Left: &Left{Session: s.ID, Ended: s.Ended, Was: l.Was, Changed: l.Changed(now), item: l}}
	switch {
	case l.Overlooked != "" || l.Was == left.Unknown && now != nil:
		i.What = "changed"
	default:
		i.What = what(&upper.Change{Path: at, Old: i.Old, New: now})
	}
	return i
}

// remarks say how it came there, and what can be done.
func (l *Left) remarks() []string {
	lines := []string{fmt.Sprintf("it is on the host already: left by the jail %s, which ended at %s", l.Session, l.Ended.Local().Format(time.DateTime))}
	if l.Changed {
		lines = append(lines, "it was changed since that jail ended: to drop it all the same: --over "+show.ShellQuote(l.item.At()))
	}
	if l.item.Overlooked != "" {
		lines = append(lines, "the entry: "+show.Line(l.item.Overlooked))
	}
	if why := l.item.Undroppable(); why != "" {
		lines = append(lines, show.Line(why))
	} else if l.Was == left.Kept {
		lines = append(lines, "what was there before is kept: --discard puts it back")
	}
	return lines
}

// leftDiff is how it differs from what was there before.
func (r *Review) leftDiff(i *Item, most int64) string {
	l := i.Left.item
	d, err := l.Opened()
	if err != nil {
		return ""
	}
	defer d.Close()
	if i.New != nil && i.New.Kind == upper.Folder {
		return seen.InFolder(func(see func(string, *upper.State)) error {
			_, _, err := upper.Tree(d, l.Path, see)
			return err
		})
	}
	if l.Overlooked != "" || l.Was == left.Unknown || i.New != nil && !i.New.Kind.Plain() {
		return ""
	}
	from, before, ok := "/dev/null", "", true
	switch {
	case i.Old == nil:
	case i.Old.Kind == upper.Symlink:
		from, before = "symlink", i.Old.Target+"\n"
	default:
		from, before, ok = "file", string(l.Content), !seen.IsBinary(l.Content)
	}
	to, after, ok2 := r.side(d, i.New, l.Path, most)
	return seen.Diff(i.Old, i.New, from, before, to, after, ok && ok2)
}

// leaves are the items of w's paths that lie on the host; all only where "." stands
// for them.
func (r *Review) leaves(named []string) (all []*Item) {
	for _, i := range r.Items {
		if i.Left != nil && in(named, i.Path) {
			all = append(all, i)
		}
	}
	return all
}

// drop takes from the host what is named of that: it puts back what was there before.
func (r *Review) drop(w Wanted, d *apply.Done) error {
	all := r.leaves(w.Paths)
	if len(all) == 0 {
		return nil
	}
	to, err := left.Dropped(r.o.Left)
	if err != nil {
		return err
	}
	d.Dropped = to
	gone := map[string]bool{}
	for _, i := range all {
		l := i.Left.item
		why := l.Undroppable()
		if why == "" && i.Left.Changed && !in(w.Over, i.Path) {
			why = "it was changed since that jail ended; to drop it all the same: --over " + show.ShellQuote(i.Path)
		}
		if why == "" {
			if err := l.Drop(i.New, to); err != nil {
				why = err.Error()
			}
		}
		if why != "" {
			d.Failed = append(d.Failed, apply.Failure{Path: i.Path, Why: why})
			continue
		}
		gone[i.Path] = true
		d.Files++
	}
	return r.forget(gone)
}

// accept leaves on the host what got a yes, and shows it no more.
func (r *Review) accept(w Wanted, d *apply.Done) error {
	yes := map[string]bool{}
	for _, i := range r.leaves(w.Executes) {
		yes[i.Path] = true
	}
	d.Accepted = len(yes)
	return r.forget(yes)
}

// forget drops items from what is kept of sessions.
func (r *Review) forget(which map[string]bool) error {
	if len(which) == 0 {
		return nil
	}
	sessions, err := left.Read(r.o.Left, r.o.Project)
	for n := range sessions {
		s := &sessions[n]
		all := len(s.Items)
		s.Items = slices.DeleteFunc(s.Items, func(l left.Item) bool { return which[leftItem(r.o.Project, s, &l, nil).Path] })
		if len(s.Items) < all {
			err = errors.Join(err, s.Keep(r.o.Left))
		}
	}
	r.Items = slices.DeleteFunc(r.Items, func(i *Item) bool { return i.Left != nil && which[i.Path] })
	return err
}

// errUnnamed: what lies on the host is dropped by name alone.
func (r *Review) errUnnamed() error {
	return hint.Add(errors.New("there is no layer, and what lies on the host is dropped by name"), "for one: "+r.Command()+" --discard PATH", "for all: "+r.Command()+" --discard .")
}

// relative makes a path as items have it.
func (r *Review) relative(p string) string {
	if !filepath.IsAbs(p) {
		return path.Clean(p)
	}
	if rel, err := filepath.Rel(r.Project, p); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return filepath.Clean(p)
}

// Command is the one that shows this.
func (r *Review) Command() string { return contract.ReviewCommand(string(r.dir), r.o.Elsewhere) }

// Bare reports that there is no layer.
func (r *Review) Bare() bool { return r.none }
