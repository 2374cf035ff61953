package review

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// ofLayer are those of the paths that name something of the layer; nil if there were
// some, and none does.
func (r *Review) ofLayer(named []string) []string {
	of := []string{}
	for _, p := range named {
		if p == "." || paths.Below(p, dotGit) || slices.ContainsFunc(r.Linked, func(l *Review) bool { return len(l.named([]string{p})) > 0 }) || slices.ContainsFunc(r.Items, func(i *Item) bool { return i.Left == nil && paths.Below(i.Path, p) }) {
			of = append(of, p)
		}
	}
	if len(of) == 0 && len(named) > 0 {
		return nil
	}
	return of
}

// discarded is the folder with what was discarded last.
const discarded = "discarded"

// Discard drops changes. They are kept until something else is discarded.
//
// Preconditions: r is from Lock.
func (r *Review) Discard(w Wanted) (d apply.Done, err error) {
	if r.none {
		if len(w.Paths) == 0 {
			return d, r.errUnnamed()
		}
		if err := w.Clean(r); err != nil {
			return d, err
		}
		return d, r.drop(w, &d)
	}
	if r.dir.Interrupted() {
		return d, hint.Add(errors.New("an apply was interrupted"), "to finish it: "+r.Command()+" --apply", "to take it back: "+r.Command()+" --undo")
	}
	if err := r.read(); err != nil {
		return d, err
	}
	if err := w.Clean(r); err != nil {
		return d, err
	}
	if err := r.drop(w, &d); err != nil {
		return d, err
	}
	if w.Paths = r.ofLayer(w.Paths); w.Paths == nil {
		return d, nil
	}
	whole := len(w.Paths) == 0 || slices.Contains(w.Paths, ".")
	if empty, err := layer.Empty(r.dir.Upper()); err == nil && empty && whole && r.Empty() {
		return d, nil // and what was discarded before is still there
	}
	d.Kept = filepath.Join(r.o.Layer, discarded)
	if err := apply.RemoveAll(d.Kept); err != nil {
		return d, err
	}
	if err := os.Mkdir(d.Kept, 0o700); err != nil {
		return d, err
	}
	if whole {
		d.Files += len(r.Items)
		if err := os.Rename(r.dir.Upper(), filepath.Join(d.Kept, "upper")); err != nil {
			return d, err
		}
		if err := errors.Join(r.dir.Make(r.o.Project), r.discardElsewhere(d.Kept)); err != nil {
			return d, err
		}
		return d, r.rebase(nil)
	}
	if len(r.Linked) > 0 && slices.Contains(w.Paths, dotGit) {
		if err := r.discardElsewhere(d.Kept); err != nil {
			return d, err
		}
		w.Paths = slices.DeleteFunc(w.Paths, func(p string) bool { return p == dotGit })
		d.Files++
	}
	for _, l := range r.Linked {
		for _, p := range l.named(w.Paths) {
			if err := apply.Aside(l.upper, p, filepath.Join(d.Kept, filepath.Base(l.o.Layer))); err != nil {
				return d, fmt.Errorf("discard %q: %w", filepath.Join(l.Project, p), err)
			}
			d.Files++
		}
		w.Paths = slices.DeleteFunc(w.Paths, func(p string) bool { return len(l.named([]string{p})) > 0 })
	}
	for _, p := range w.Paths {
		if err := apply.Aside(r.upper, p, d.Kept); err != nil {
			return d, fmt.Errorf("discard %q: %w", p, err)
		}
		d.Files++
	}
	return d, r.rebase(nil)
}
