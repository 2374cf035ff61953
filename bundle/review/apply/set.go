package apply

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Set are the works of one project, its own first, then those of git directories that
// lie outside of it. What is applied of them at once is one thing, though each has a
// journal of its own: all of it goes over and comes back.
type Set []*Work

// Close closes what is open.
func (s Set) Close() {
	for _, w := range s {
		w.Close()
	}
}

// Paths are what the journals are about.
func (s Set) Paths() map[string]bool {
	all := map[string]bool{}
	for _, w := range s {
		for _, o := range w.j.Ops {
			all[o.Path] = true
		}
	}
	return all
}

// name is what journals call a work of the set.
func (s Set) name(w *Work) string {
	name, err := filepath.Rel(s[0].Layer, w.Layer)
	if err != nil {
		return w.Layer
	}
	return name
}

// Run does what was planned. Nothing is done before all journals are there; then all of
// it is done, or taken back, by whoever finds them. end is called in between.
func (s Set) Run(end func() error) (d Done, err error) {
	var mine Set
	var with []string
	number := 1
	for _, w := range s {
		if w.planned {
			mine, with = append(mine, w), append(with, s.name(w))
		}
		if before, err := w.peek(done); len(s) > 1 && err == nil {
			number = max(number, before.Number+1)
		}
	}
	for _, w := range mine {
		if len(s) > 1 {
			w.j.Number, w.j.With = number, with
		}
		if err := w.start(); err != nil {
			return d, errors.Join(err, mine.abandon())
		}
	}
	if err := mine.forward(&d); err != nil {
		return d, err
	}
	if err := end(); err != nil {
		return d, err
	}
	return d, mine.settle()
}

func (s Set) forward(d *Done) error {
	for _, w := range s {
		failed, err := w.forward()
		d.Failed = append(d.Failed, failed...)
		d.Files, d.Refs = d.Files+len(w.j.Ops)-len(failed), d.Refs+len(w.j.Refs)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s Set) settle() error {
	for _, w := range s {
		if err := w.settle(); err != nil {
			return err
		}
	}
	return nil
}

func (s Set) abandon() (err error) {
	for _, w := range s {
		err = errors.Join(err, w.Abandon())
	}
	return err
}

// Finish does what is left of journals, forwards or back, as it was meant. end is called
// before what was taken back is settled. The error is ErrNone if there are none.
func (s Set) Finish(end func() error) (d Done, err error) {
	mine, number, err := s.begun()
	switch {
	case err != nil:
		return d, err
	case slices.ContainsFunc(mine, func(w *Work) bool { return w.j.Back }):
		return s.back(number, end)
	}
	if err := mine.forward(&d); err != nil {
		return d, err
	}
	d.Files, d.Refs = 0, 0 // they were counted by who began
	return d, mine.settle()
}

// Undo takes back what was applied last, be it finished or not.
func (s Set) Undo(end func() error) (d Done, err error) {
	_, number, err := s.begun()
	if err == nil {
		return s.back(number, end)
	}
	if !errors.Is(err, ErrNone) {
		return d, err
	}
	of := map[*Work]int{}
	number = -1
	for _, w := range s {
		j, err := w.peek(done)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return d, err
		}
		of[w], number = j.Number, max(number, j.Number)
	}
	for w, n := range of {
		if n < number { // applied before that: it stays
			if err := removeAll(filepath.Join(w.Layer, done)); err != nil {
				return d, err
			}
		}
	}
	if len(of) == 0 {
		return d, ErrNone
	}
	return s.back(number, end)
}

// begun are the works that have a journal to go on with. Journals of which one is missing
// were never begun.
func (s Set) begun() (mine Set, number int, err error) {
	for _, w := range s {
		if !Unfinished(w.Layer) {
			continue
		}
		if err := w.open(running); err != nil {
			return nil, 0, err
		}
		if err := w.readJournal(); err != nil {
			return nil, 0, err
		}
		mine, number = append(mine, w), w.j.Number
	}
	if len(mine) == 0 {
		return nil, 0, ErrNone
	}
	back := slices.ContainsFunc(mine, func(w *Work) bool { return w.j.Back })
	for _, w := range s {
		if !back && slices.Contains(mine[0].j.With, s.name(w)) && !slices.Contains(mine, w) {
			if j, err := w.peek(done); err != nil || j.Number != number {
				return nil, 0, errors.Join(ErrNone, mine.abandon())
			}
		}
	}
	return mine, number, nil
}

// back takes back all that has a number.
func (s Set) back(number int, end func() error) (d Done, err error) {
	d.Back = true
	var mine Set
	for _, w := range s {
		at := running
		if !Unfinished(w.Layer) {
			at = done
		}
		j, err := w.peek(at)
		if errors.Is(err, fs.ErrNotExist) || err == nil && j.Number != number {
			continue
		}
		if err == nil {
			err = w.turn(at)
		}
		if err != nil {
			return d, err
		}
		mine = append(mine, w)
	}
	failed := map[*Work]bool{}
	for _, w := range slices.Backward(mine) {
		left, err := w.backward()
		d.Failed = append(d.Failed, left...)
		if failed[w] = len(left) > 0; err != nil {
			return d, err
		}
	}
	if err := end(); err != nil {
		return d, err
	}
	for _, w := range slices.Backward(mine) {
		if err := w.settleBack(failed[w]); err != nil {
			return d, err
		}
	}
	return d, nil
}

// peek reads the journal in one of the folders.
func (w *Work) peek(folder string) (j Journal, err error) {
	text, err := os.ReadFile(filepath.Join(w.Layer, folder, file))
	if err == nil {
		err = json.Unmarshal(text, &j)
	}
	return j, err
}
