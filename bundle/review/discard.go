package review

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/internal/hint"
)

// discarded is the folder with what was discarded last.
const discarded = "discarded"

// Discard drops changes. They are kept until something else is discarded.
//
// Preconditions: r is from Lock.
func (r *Review) Discard(w Wanted) (d Done, err error) {
	if apply.Unfinished(r.o.Layer) {
		return d, hint.Add(errors.New("an apply was interrupted"), "to finish it: "+r.dir.Review()+" --apply", "to take it back: "+r.dir.Review()+" --undo")
	}
	if err := r.read(); err != nil {
		return d, err
	}
	if err := w.clean(r); err != nil {
		return d, err
	}
	d.Kept = filepath.Join(r.o.Layer, discarded)
	if err := apply.RemoveAll(d.Kept); err != nil {
		return d, err
	}
	if err := os.Mkdir(d.Kept, 0o700); err != nil {
		return d, err
	}
	if len(w.Paths) == 0 || slices.Contains(w.Paths, ".") {
		d.Files = len(r.Items)
		if err := os.Rename(r.dir.Upper(), filepath.Join(d.Kept, "upper")); err != nil {
			return d, err
		}
		if err := r.dir.Make(r.o.Project); err != nil {
			return d, err
		}
		return d, r.rebase(nil)
	}
	for _, p := range w.Paths {
		if err := apply.Aside(r.upper, p, d.Kept); err != nil {
			return d, fmt.Errorf("discard %q: %w", p, err)
		}
		d.Files++
	}
	return d, r.rebase(nil)
}
