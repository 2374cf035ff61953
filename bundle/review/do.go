package review

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/bundle/review/repo"
	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// Wanted says what of a layer is applied or discarded. Paths are relative to the
// project; a folder stands for all that is in it.
type Wanted struct {
	// Paths are all that is looked at; none stands for everything.
	Paths []string
	// Executes are paths that the host would execute or trust, and that are applied
	// all the same. Over are paths whose changes by the host are given up.
	Executes, Over []string
	// Digest is that of the review that was read; empty for any.
	Digest string
	// Step is for tests: see apply.Work.
	Step func(string)
}

// Done is what became of it.
type Done struct {
	// Files and Refs count what was applied.
	Files int `json:"files"`
	Refs  int `json:"refs"`
	// Finished: an apply that had been interrupted was finished; Back: taken back.
	Finished bool `json:"finished"`
	Back     bool `json:"back"`
	// Failed are paths that were left as they were, Held counts those that wait.
	Failed []apply.Failure `json:"failed,omitempty"`
	Held   int             `json:"held"`
	// Kept is a folder with what was discarded of a layer, Dropped one with what was
	// dropped from the host. Accepted counts what was left there with a yes.
	Kept     string `json:"kept,omitempty"`
	Dropped  string `json:"dropped,omitempty"`
	Accepted int    `json:"accepted,omitempty"`
}

// String is what was applied, in words.
func (d Done) String() string {
	var parts []string
	for _, n := range []struct {
		n    int
		what string
	}{{d.Files, "file"}, {d.Refs, "ref"}} {
		switch {
		case n.n == 1:
			parts = append(parts, "1 "+n.what)
		case n.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n.n, n.what))
		}
	}
	return strings.Join(parts, " and ")
}

// ErrDigest is returned where the layer is not what was reviewed.
var ErrDigest = errors.New("the layer is not what was reviewed")

// ErrFailed is returned by callers where a path was left out by a failure.
var ErrFailed = errors.New("not everything was applied")

func in(list []string, p string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return l == "." || paths.Below(p, l) })
}

// Wants tells whether the user named it, or a folder that it is in, or nothing.
func (w *Wanted) Wants(p string) bool { return len(w.Paths) == 0 || in(w.Paths, p) }

// Clean makes paths relative to the project, and refuses those that name nothing.
func (w *Wanted) Clean(r *Review) error {
	for _, list := range [][]string{w.Paths, w.Executes, w.Over} {
		for i, p := range list {
			p = r.relative(p)
			known := p == "." || paths.Below(p, dotGit) && r.Git != nil
			for _, item := range r.Items {
				known = known || paths.Below(item.Path, p)
			}
			if r.Git != nil {
				for _, f := range r.Git.Refs {
					known = known || slices.ContainsFunc(f.Held, func(h repo.Reason) bool { return paths.Below(h.Path, p) })
				}
			}
			if !known {
				return hint.Add(fmt.Errorf("the layer has no change of %q", p), "to see what it has: "+r.Command())
			}
			list[i] = p
		}
	}
	return nil
}

// Apply carries changes to the host.
//
// Preconditions: r is from Lock.
func (r *Review) Apply(w Wanted) (d Done, err error) {
	if r.none {
		if err := w.Clean(r); err != nil {
			return d, err
		}
		return d, r.accept(w, &d)
	}
	if d, err = r.finish(w.Step); err != nil && !errors.Is(err, apply.ErrNone) || len(d.Failed) > 0 || d.Back {
		return d, err
	}
	if err := r.read(); err != nil {
		return d, err
	}
	if w.Digest != "" && w.Digest != r.Digest {
		return d, hint.Add(fmt.Errorf("%w: its digest is %s now", ErrDigest, r.Digest), "look again: "+r.Command())
	}
	if err := w.Clean(r); err != nil {
		return d, err
	}
	if err := r.accept(w, &d); err != nil {
		return d, err
	}
	p := plan{r: r, w: &w}
	p.items()
	work := &apply.Work{Layer: r.o.Layer, Project: r.o.Project, Refs: repo.Mover(r.o.Layer, r.o.Project, r.keep()), Step: w.Step}
	if err := work.Begin(); err != nil {
		return d, err
	}
	defer work.Close()
	if err := p.git(work); err != nil {
		p.failed = append(p.failed, apply.Failure{Path: dotGit, Why: err.Error()})
	}
	if err := p.made(work); err != nil {
		return d, errors.Join(err, work.Abandon())
	}
	d.Held, d.Failed = p.waiting, p.failed
	if len(p.j.Ops) == 0 && len(p.j.Refs) == 0 && len(p.j.Drop) == 0 {
		return d, work.Abandon()
	}
	failed, err := work.Run(p.j)
	d.Failed = append(d.Failed, failed...)
	d.Files, d.Refs = len(p.j.Ops)-len(failed), len(p.j.Refs)
	if err != nil {
		if !apply.Unfinished(r.o.Layer) {
			return d, errors.Join(err, work.Abandon())
		}
		return d, hint.Add(err, "when there is room again, this finishes it: "+r.Command()+" --apply", "or take it back: "+r.Command()+" --undo")
	}
	return d, r.rebase(nil)
}

// finish finishes what was interrupted.
func (r *Review) finish(step func(string)) (d Done, err error) {
	work := &apply.Work{Layer: r.o.Layer, Project: r.o.Project, Refs: repo.Mover(r.o.Layer, r.o.Project, r.keep()), Step: step}
	defer work.Close()
	d.Back, d.Failed, err = work.Finish()
	if d.Finished = err == nil; d.Finished && d.Back {
		err = r.takenBack(work)
	}
	return d, err
}

// takenBack notes that what was taken back is as the layer found it.
func (r *Review) takenBack(work *apply.Work) error {
	if err := r.read(); err != nil {
		return err
	}
	return r.rebase(work.Paths())
}

// Undo takes back what was applied last.
//
// Preconditions: r is from Lock.
func (r *Review) Undo(step func(string)) (d Done, err error) {
	if r.none {
		return d, apply.ErrNone
	}
	work := &apply.Work{Layer: r.o.Layer, Project: r.o.Project, Refs: repo.Mover(r.o.Layer, r.o.Project, r.keep()), Step: step}
	defer work.Close()
	if d.Failed, err = work.Undo(); err != nil {
		return d, err
	}
	d.Back = true
	return d, r.takenBack(work)
}

// rebase notes what the host is like now: what is left of the layer lies on that.
// What the host had changed before under a path that is left stays a conflict, but
// for those that were just written.
func (r *Review) rebase(but map[string]bool) error {
	empty, err := layer.Empty(r.dir.Upper())
	if err != nil {
		return err
	}
	// What was just written is older than the new base.
	time.Sleep(2 * layer.Coarse)
	at, err := r.dir.Clock(r.o.Project)
	if err != nil {
		return err
	}
	base := layer.Below(r.o.Project, r.base)
	base.Git, base.Time = r.base.Git, at
	older := map[string]int64{}
	if !empty {
		for _, i := range r.Items {
			if s, err := upper.Stat(r.upper, i.Path); err == nil && s != nil && !but[i.Path] {
				older[i.Path] = r.since(i.Path)
			}
		}
	}
	if err := writeOlder(r.o.Layer, older); err != nil {
		return err
	}
	return r.dir.SetBase(base)
}
