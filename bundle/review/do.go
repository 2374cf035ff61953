package review

import (
	"errors"
	"fmt"
	"slices"
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

// errDigest is returned where the layer is not what was reviewed.
var errDigest = errors.New("the layer is not what was reviewed")

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
			known := p == "." || paths.Below(p, dotGit) && r.Git != nil || slices.ContainsFunc(r.Linked, func(l *Review) bool { return len(l.named([]string{p})) > 0 })
			for _, item := range r.Items {
				known = known || paths.Below(item.Path, p)
			}
			for _, one := range append([]*Review{r}, r.Linked...) {
				if one.Git == nil {
					continue
				}
				for _, f := range one.Git.Refs {
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
func (r *Review) Apply(w Wanted) (d apply.Done, err error) {
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
		return d, hint.Add(fmt.Errorf("%w: its digest is %s now", errDigest, r.Digest), "look again: "+r.Command())
	}
	if err := w.Clean(r); err != nil {
		return d, err
	}
	if err := r.accept(w, &d); err != nil {
		return d, err
	}
	return d, r.carry(w, &d)
}

// carry plans what is done of each repository and of the project, and does it.
func (r *Review) carry(w Wanted, d *apply.Done) error {
	works := r.works(w.Step)
	defer works.Close()
	for _, one := range append([]*Review{r}, r.Linked...) {
		p := &plan{r: one, w: &w}
		for _, work := range works {
			if work.Layer == one.o.Layer {
				p.work = work
			}
		}
		if one.main != nil {
			p.w = one.wanted(w)
		}
		if p.w == nil {
			continue
		}
		if err := p.work.Begin(); err != nil {
			return err
		}
		p.items()
		if err := p.git(p.work); err != nil {
			p.failed = append(p.failed, apply.Failure{Path: dotGit, Why: err.Error()})
		}
		err := p.made(p.work)
		if err != nil || p.idle() {
			err = errors.Join(err, p.work.Abandon())
		} else {
			p.work.Plan(p.j)
		}
		if err != nil {
			return err
		}
		d.Held, d.Failed = d.Held+p.waiting, append(d.Failed, p.failed...)
	}
	ran, err := works.Run(func() error { return r.rebase(nil) })
	d.Files, d.Refs, d.Failed = d.Files+ran.Files, d.Refs+ran.Refs, append(d.Failed, ran.Failed...)
	if err != nil && r.dir.Interrupted() {
		err = hint.Add(err, "when there is room again, this finishes it: "+r.Command()+" --apply", "or take it back: "+r.Command()+" --undo")
	}
	return err
}

// finish finishes what was interrupted.
func (r *Review) finish(step func(string)) (d apply.Done, err error) {
	works := r.works(step)
	defer works.Close()
	d, err = works.Finish(func() error { return r.takenBack(works.Paths()) })
	d.Finished = err == nil
	return d, err
}

// takenBack notes that what was taken back is as the layer found it.
func (r *Review) takenBack(done map[string]bool) error {
	if err := r.read(); err != nil {
		return err
	}
	return r.rebase(done)
}

// Undo takes back what was applied last.
//
// Preconditions: r is from Lock.
func (r *Review) Undo(step func(string)) (d apply.Done, err error) {
	if r.none {
		return d, apply.ErrNone
	}
	works := r.works(step)
	defer works.Close()
	return works.Undo(func() error { return r.takenBack(works.Paths()) })
}

// rebase notes what the host is like now: what is left of the layer lies on that.
// What the host had changed before under a path that is left stays a conflict, but
// for those that were just written.
func (r *Review) rebase(but map[string]bool) error {
	// What was just written is older than the new base.
	time.Sleep(2 * layer.Coarse)
	at, err := r.dir.Clock(r.o.Project)
	if err != nil {
		return err
	}
	base := layer.Below(r.o.Project, r.base)
	base.Git, base.Time = r.base.Git, at
	for _, one := range append([]*Review{r}, r.Linked...) {
		older := map[string]int64{}
		for _, i := range one.Items {
			if s, err := upper.Stat(one.upper, i.Path); err == nil && s != nil && !but[i.Path] {
				older[i.Path] = one.since(i.Path)
			}
		}
		if err := one.dir.SetOlder(older); err != nil {
			return err
		}
	}
	return r.dir.SetBase(base)
}
