package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/review"
	"github.com/jailed-claude/jailed-claude/bundle/review/page"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/show"
)

// html writes the review as a page.
func html(r *review.Review, name string) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(name), ".review-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name())
		}
	}()
	if err := errors.Join(page.Write(temporary, pageOf(r)), temporary.Close()); err != nil {
		return hint.Add(fmt.Errorf("write the page: %w", err), "to write it elsewhere: --html FILE")
	}
	return os.Rename(temporary.Name(), name)
}

// open is how many changes are shown unfolded.
const open = 50

func pageOf(r *review.Review) page.Page {
	n := r.Counts()
	p := page.Page{
		Title: show.Line(r.Project), Since: r.Since.Local().Format(time.DateTime), Digest: r.Digest,
		Counts: []page.Count{{Number: n.Left, What: "left on the host already", Alert: true}, {Number: n.Held, What: "wait for a yes", Alert: true}, {Number: n.Conflicts, What: "conflicts", Alert: true}, {Number: n.Never, What: "cannot be applied", Alert: true}, {Number: n.Refs, What: "refs"}, {Number: n.Ordinary, What: "ordinary changes"}},
	}
	for _, note := range r.Notes {
		p.Notes = append(p.Notes, show.Line(note))
	}
	if r.Bare() {
		p.Since = ""
	}
	if r.Git != nil {
		if p.Git = r.Git.Lines(); r.Git.Problem != "" {
			p.Git = append([]string{"cannot be read or applied: " + show.Line(r.Git.Problem)}, p.Git...)
		}
		if len(p.Git) > 0 {
			p.Git[0] = strings.TrimPrefix(p.Git[0], "\n")
		}
	}
	for _, l := range r.Linked {
		if l.Git == nil {
			continue
		}
		if p.Git = append(p.Git, "in "+show.Line(l.Project)+":"); l.Git.Problem != "" {
			p.Git = append(p.Git, "cannot be read or applied: "+show.Line(l.Git.Problem))
		}
		p.Git = append(p.Git, l.Git.Lines()...)
	}
	all := r.All()
	sections := make([]page.Section, len(review.Titles))
	diffs := r.Diffs(all, review.MaxDiff)
	for k, i := range all {
		s := &sections[review.Rank(i)]
		remarks := i.Remarks()
		if i.Follows && i.Why == "" {
			remarks = append(remarks, "only instructs: agents follow it")
		}
		s.Items = append(s.Items, page.Item{Line: i.Line(), Why: show.Line(i.Why), Remarks: remarks, Diff: diffs[k], Closed: len(s.Items) >= open})
	}
	for k, s := range sections {
		if len(s.Items) > 0 {
			s.Title, s.Held = strings.ToUpper(review.Titles[k][:1])+review.Titles[k][1:], k <= review.RankHeld
			p.Sections = append(p.Sections, s)
		}
	}
	for _, d := range r.Network {
		p.Network = append(p.Network, page.Decision{Time: d.Time, Allowed: d.Allowed, What: d.What, Why: d.Why})
	}
	return p
}
