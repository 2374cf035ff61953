package review

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/bundle/layer"
	"github.com/jailed-claude/jailed-claude/bundle/review/apply"
	"github.com/jailed-claude/jailed-claude/bundle/review/repo"
	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// placeIn is where, in a git directory that lies outside of the project, that of the
// project's own working tree is.
func (r *Review) placeIn(git string) (place repo.Place, ok bool) {
	own, common, ok := layer.Git(r.o.Project)
	if !ok || common != git || !paths.Below(own, common) {
		return place, false
	}
	if rel := strings.TrimPrefix(own, common); rel != "" {
		place.Own = strings.TrimPrefix(rel, "/") + "/"
	}
	return place, true
}

// linked reads what the layers over git directories hold that lie outside of the
// project.
func (r *Review) linked() error {
	for _, g := range r.base.Git {
		dir := r.dir.Git(g)
		if empty, err := layer.Empty(dir.Upper()); err == nil && empty || errors.Is(err, os.ErrNotExist) {
			continue
		}
		place, ok := r.placeIn(g)
		if !ok {
			r.Notes = append(r.Notes, fmt.Sprintf("the git directory %q lies outside of the project, and is none of its own: what was changed in its layer is neither shown nor applied; --discard drops it with all else", g))
			continue
		}
		l := &Review{Project: g, Since: r.Since, main: r, place: place, dir: dir, base: r.base, moved: r.moved, o: Options{Layer: string(dir), Project: g, Trusted: func(string) string { return "" }}}
		l.base.Inner = nil
		r.Linked = append(r.Linked, l)
		if err := l.changes(); err != nil {
			return err
		}
		for _, i := range l.Items {
			i.of = l
		}
	}
	return nil
}

func (r *Review) top() *Review {
	if r.main != nil {
		return r.main
	}
	return r
}

// All are the items, also those of git directories outside of the project.
func (r *Review) All() []*Item {
	all := slices.Clone(r.Items)
	for _, l := range r.Linked {
		all = append(all, l.Items...)
	}
	slices.SortStableFunc(all, func(a, b *Item) int { return Rank(a) - Rank(b) })
	return all
}

// at is what a user calls it.
func (i *Item) at() string {
	if i.of != nil {
		return filepath.Join(i.of.Project, i.Path)
	}
	return i.Path
}

// named are those of the user's paths that mean something of this git directory, as
// items have them.
func (r *Review) named(list []string) (mine []string) {
	for _, p := range list {
		switch rel, err := filepath.Rel(r.Project, p); {
		case p == "." || p == dotGit:
			mine = append(mine, ".")
		case filepath.IsAbs(p) && err == nil && filepath.IsLocal(rel):
			mine = append(mine, rel)
		case strings.HasPrefix(p, dotGit+"/"):
			mine = append(mine, r.place.Path(strings.TrimPrefix(p, dotGit+"/")))
		}
	}
	return mine
}

// wanted is what is wanted of this git directory; nil if nothing is. What a branch
// holds is named by its path in the project.
func (r *Review) wanted(w Wanted) *Wanted {
	mine := Wanted{Paths: r.named(w.Paths), Executes: append(r.named(w.Executes), w.Executes...), Over: r.named(w.Over), Step: w.Step}
	if len(w.Paths) > 0 && len(mine.Paths) == 0 && len(r.named(w.Executes)) == 0 {
		return nil
	}
	if len(w.Paths) > 0 && len(mine.Paths) == 0 {
		mine.Paths = r.named(w.Executes)
	}
	return &mine
}

func (r *Review) work(step func(string)) *apply.Work {
	return &apply.Work{Layer: r.o.Layer, Project: r.o.Project, Refs: repo.Mover(r.o.Layer, r.o.Project, r.place, r.keep()), Step: step}
}

// works are all that can have a journal.
func (r *Review) works(step func(string)) apply.Set {
	r.place = repo.Inside
	all := apply.Set{r.work(step)}
	base, _ := r.dir.Base() // without one there is none
	for _, g := range base.Git {
		if place, ok := r.placeIn(g); ok {
			dir := r.dir.Git(g)
			all = append(all, (&Review{main: r, place: place, o: Options{Layer: string(dir), Project: g}}).work(step))
		}
	}
	return all
}

// discardElsewhere moves them where the rest of the layer is.
func (r *Review) discardElsewhere(to string) error {
	for n, g := range r.base.Git {
		d := r.dir.Git(g)
		if empty, err := layer.Empty(d.Upper()); errors.Is(err, os.ErrNotExist) || err == nil && empty {
			continue
		}
		if err := os.Rename(d.Upper(), filepath.Join(to, "git."+strconv.Itoa(n))); err != nil {
			return err
		}
		if err := d.Make(g); err != nil {
			return err
		}
	}
	return nil
}
