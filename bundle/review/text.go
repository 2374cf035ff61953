package review

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/review/judge"
	"github.com/jailed-claude/jailed-claude/bundle/review/seen"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// MaxDiff bounds a file whose difference is shown among others; named alone it is
// shown up to maxMerge.
const MaxDiff = seen.Most

// diff is how the host's version of a path differs from what would be applied, in
// characters that can be seen. most bounds the size of a file.
func (r *Review) diff(i *Item, most int64) string {
	if i.of != nil {
		r = i.of
	}
	if i.Left != nil {
		return r.leftDiff(i, most)
	}
	if i.Never != "" || i.What == "mode" {
		return ""
	}
	from, before, ok := r.side(r.lower, i.Old, i.Path, most)
	if i.From != "" {
		return "" // the content is the same
	}
	to, after, ok2 := r.side(r.upper, i.New, i.Path, most)
	if i.Merged {
		after = i.merged
	}
	return seen.Diff(i.Old, i.New, from, before, to, after, ok && ok2)
}

// side is one version, and whether it can be shown as text.
func (r *Review) side(root *os.File, s *upper.State, path string, most int64) (name, text string, ok bool) {
	switch {
	case s == nil || s.Kind == upper.Folder:
		return "/dev/null", "", true
	case s.Kind == upper.Symlink:
		return "symlink", s.Target + "\n", true
	case s.Kind != upper.File || s.Size > most:
		return "", "", false
	}
	data, _, err := beneath.Read(root, path, most)
	if err != nil || seen.IsBinary(data) {
		return "", "", false
	}
	return "file", string(data), true
}

// Line is an item on one line.
func (i *Item) Line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %s", i.What, show.Line(i.at()))
	suffix := func(s *upper.State) string {
		if s != nil && s.Kind == upper.Folder {
			return "/"
		}
		return ""
	}
	if i.New != nil {
		b.WriteString(suffix(i.New))
	} else {
		b.WriteString(suffix(i.Old))
	}
	if i.From != "" {
		fmt.Fprintf(&b, " (from %s)", show.Line(i.From))
	}
	if i.New == nil && i.Old.Kind == upper.Folder {
		fmt.Fprintf(&b, " (%d files)", i.Files)
	}
	switch {
	case i.New != nil && i.Old != nil && i.Old.Kind != i.New.Kind:
		fmt.Fprintf(&b, " (%s -> %s)", i.Old.Kind, i.New.Kind)
	case i.New != nil && i.New.Kind != upper.File && i.New.Kind != upper.Folder:
		fmt.Fprintf(&b, " (%s)", i.New.Kind)
	}
	switch {
	case i.New == nil || i.New.Kind == upper.Symlink:
	case i.Old != nil && i.Old.Kind == i.New.Kind && i.Old.Mode&upper.Permissions != i.New.Mode&upper.Permissions:
		fmt.Fprintf(&b, ", mode %04o -> %04o", i.Old.Mode, i.New.Mode)
	case i.Old == nil && i.New.Kind == upper.File && i.New.Mode&0o111 != 0:
		b.WriteString(", executable")
	}
	return b.String()
}

// Remarks are further lines about an item.
func (i *Item) Remarks() (lines []string) {
	if i.Left != nil {
		return i.Left.remarks()
	}
	if i.Never != "" {
		lines = append(lines, "cannot be applied: "+show.Line(i.Never))
	}
	if i.Conflict != "" {
		lines = append(lines, "conflict: "+i.Conflict+"; to give the host's changes up: --over "+show.ShellQuote(i.at()))
	}
	if i.Merged {
		lines = append(lines, "the host changed it meanwhile: both changes are merged")
	}
	if i.Note != "" {
		lines = append(lines, i.Note)
	}
	return lines
}

// Shown says what Text prints.
type Shown struct {
	Colour bool
	// Paths, if not empty, are what is shown.
	Paths []string
}

// Text prints a review for people.
func (r *Review) Text(w io.Writer, s Shown) error {
	p := printer{w: w, Shown: s}
	if r.none {
		p.line("%s has no layer: this is what jails left on the host", show.Line(r.Project))
	} else {
		p.line("layer over %s, since %s", show.Line(r.Project), r.Since.Local().Format(time.DateTime))
	}
	for _, n := range r.Notes {
		p.line("note: %s", show.Line(n))
	}
	most := int64(MaxDiff)
	if len(s.Paths) > 0 {
		most = maxMerge
	}
	named := Wanted{Paths: s.Paths}
	var items []*Item
	folded := map[string]int{}
	for _, i := range r.All() {
		if !named.Wants(i.at()) {
			continue
		}
		if d := r.repository(i.Path); d != "" && i.Why != "" && i.Left == nil && len(s.Paths) == 0 {
			if folded[d]++; folded[d] > 1 {
				continue
			}
		}
		items = append(items, i)
	}
	diffs := r.Diffs(items, most)
	title := ""
	gitShown := false
	for n, i := range items {
		t := Titles[Rank(i)]
		if t != title {
			if title = t; i.Why == "" && !gitShown {
				gitShown = true
				p.git(r, named)
			}
			p.title(t)
		}
		if d := r.repository(i.Path); folded[d] > 1 && i.Left == nil {
			p.line("\n%s", p.paint("1", fmt.Sprintf("%-8s %s/ (%d files and folders): %s", i.What, show.Line(d), folded[d], show.Line(i.Why))))
			p.line("  to see all of it: %s %s", r.Command(), show.ShellQuote(d))
			continue
		}
		p.item(i, diffs[n])
	}
	if !gitShown {
		p.git(r, named)
	}
	p.summary(r)
	return p.err
}

// The order of a review.
const (
	RankLeft = iota
	RankHeld
	RankNever
	RankConflict
	RankOrdinary
)

// Rank is where an item stands in that order.
func Rank(i *Item) int {
	switch {
	case i.Left != nil:
		return RankLeft
	case i.Why != "":
		return RankHeld
	case i.Never != "":
		return RankNever
	case i.Conflict != "":
		return RankConflict
	}
	return RankOrdinary
}

// Titles are of the parts, by Rank.
var Titles = []string{
	"on the host already: jails left it, and the host would execute or trust it", "waits for a yes: the host would execute or trust it",
	"cannot be applied", "conflicts", "changes",
}

// repository is the folder on the way to a path that git takes for a repository of
// its own; empty if there is none. It is shown on one line.
func (r *Review) repository(p string) string {
	for i := 0; i < len(p); {
		end := strings.IndexByte(p[i:]+"/", '/') + i
		if part := p[i:end]; judge.Spelled(part) == dotGit && (p[:end] != dotGit || !r.own) {
			return p[:end]
		}
		i = end + 1
	}
	return ""
}

// printer remembers the first error.
type printer struct {
	Shown
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *printer) paint(code, s string) string {
	if !p.Colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *printer) title(s string) { p.line("\n%s", p.paint("1", "== "+s)) }

func (p *printer) item(i *Item, text string) {
	line := i.Line()
	if i.Why != "" {
		line += ": " + show.Line(i.Why)
	} else if i.Follows {
		line += ": agents follow it"
	}
	p.line("\n%s", p.paint("1", line))
	for _, l := range i.Remarks() {
		p.line("  %s", l)
	}
	for l := range strings.Lines(text) {
		l = strings.TrimSuffix(l, "\n")
		switch {
		case strings.HasPrefix(l, "+"):
			l = p.paint("32", l)
		case strings.HasPrefix(l, "-"):
			l = p.paint("31", l)
		case strings.HasPrefix(l, "@@"):
			l = p.paint("36", l)
		}
		p.line("  %s", l)
	}
}

func (p *printer) git(r *Review, named Wanted) {
	for _, l := range r.Linked {
		p.git(l, named)
	}
	u, title := r.Git, "commits, branches and git config"
	if u.Empty() || !named.Wants(dotGit) {
		return
	}
	if r.main != nil {
		title += " of " + show.Line(r.Project)
	}
	p.title(title)
	if u.Problem != "" {
		p.line("\n  cannot be read or applied: %s", show.Line(u.Problem))
	}
	for _, l := range u.Lines() {
		p.line("%s", l)
	}
}

// Counts of a review: Refs are those that can be moved; one that waits for a yes, or
// cannot be, is among Held or Conflicts.
type Counts struct {
	Left, Held, Never, Conflicts, Ordinary, Refs int
}

// Counts says how many of each there are.
func (r *Review) Counts() (c Counts) {
	for _, i := range r.Items {
		switch Rank(i) {
		case RankLeft:
			c.Left++
		case RankHeld:
			c.Held++
		case RankNever:
			c.Never++
		case RankConflict:
			c.Conflicts++
		default:
			c.Ordinary++
		}
	}
	for _, l := range r.Linked {
		n := l.Counts()
		c.Held, c.Never, c.Conflicts, c.Ordinary, c.Refs = c.Held+n.Held, c.Never+n.Never, c.Conflicts+n.Conflicts, c.Ordinary+n.Ordinary, c.Refs+n.Refs
	}
	if r.Git != nil {
		for _, f := range r.Git.Refs {
			switch {
			case f.Conflict != "":
				c.Conflicts++
			case len(f.Held) > 0:
				c.Held++
			default:
				c.Refs++
			}
		}
		for _, s := range r.Git.Settings {
			if s.Held != "" {
				c.Held++
			}
		}
	}
	return c
}

func (p *printer) summary(r *Review) {
	p.line("\n%s", r.line())
	p.line("digest %s", r.Digest)
}
