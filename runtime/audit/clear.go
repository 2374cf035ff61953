package audit

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/jailed-claude/jailed-claude/runtime/audit/attack"
	"github.com/jailed-claude/jailed-claude/runtime/audit/attack/files"
)

// Close takes away every bait, and what attacks have made.
func (s *Scene) Close() {
	for _, p := range s.candidates() {
		s.unplant(p)
	}
	for _, p := range append(slices.Clone(s.bait.Facts.Protected), s.bait.Facts.Hidden...) {
		s.moveBack(p)
	}
	f := s.bait.Facts
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm", f.Project, f.Home} {
		left, _ := filepath.Glob(filepath.Join(dir, s.bait.Mark+"-*"))
		for _, p := range left {
			if ours(p) {
				_ = os.Remove(p)
			}
		}
	}
	for _, v := range slices.Backward(s.undo) {
		v()
	}
	s.undo = nil
	s.stage.Close()
	s.remains.remove()
	for _, f := range append(s.leaked, s.master, s.slave) {
		if f != nil {
			_ = f.Close()
		}
	}
	s.leaked, s.master, s.slave = nil, nil, nil
}

// ours: a file that an attack made, and not one of the caller's that it moved.
func ours(p string) bool {
	fi, err := os.Lstat(p)
	if err != nil || fi.IsDir() {
		return false
	}
	return fi.Size() == 0 || fi.Mode()&os.ModeSymlink != 0 || isMarker(p)
}

func isMarker(p string) bool {
	text, err := os.ReadFile(p)
	return err == nil && string(text) == attack.MarkerText
}

// Leftovers takes away what attacks of an audit that was killed have made in a
// project: files with the text of a marker, and folders that are empty without
// them. It returns their names. The project may change meanwhile: nothing
// outside of it is removed. Nor are baits: another audit may need its own.
func Leftovers(project string) (removed []string) {
	root, err := os.OpenRoot(project)
	if err != nil {
		return nil
	}
	defer root.Close()
	made, _ := files.Made()
	for _, name := range made {
		if !holdsMarker(root, name) || root.Remove(name) != nil {
			continue
		}
		removed = append(removed, name)
		dir := filepath.Dir(name)
		if _, err := root.Lstat(filepath.Join(dir, "HEAD")); err != nil && filepath.Base(dir) == ".git" {
			_, _ = root.Remove(filepath.Join(dir, "objects")), root.Remove(filepath.Join(dir, "refs"))
		}
		for dir != "." && root.Remove(dir) == nil {
			dir = filepath.Dir(dir)
		}
	}
	return removed
}

// holdsMarker opens no more than a file of the right size: there may be pipes.
func holdsMarker(root *os.Root, name string) bool {
	if fi, err := root.Lstat(name); err != nil || !fi.Mode().IsRegular() || fi.Size() != int64(len(attack.MarkerText)) {
		return false
	}
	text, err := root.ReadFile(name)
	return err == nil && string(text) == attack.MarkerText
}

// moveBack undoes what an attacker that was killed could not.
func (s *Scene) moveBack(p string) {
	for ; attack.Within(p, s.bait.Facts.Project) && p != s.bait.Facts.Project; p = filepath.Dir(p) {
		dir := filepath.Dir(p)
		if !attack.Exists(p) {
			_ = os.Rename(filepath.Join(dir, s.bait.Marked("moved")), p)
			_ = os.Rename(filepath.Join(dir, s.bait.Marked("around"), "moved"), p)
		}
		for _, d := range []string{dir, s.bait.Facts.Project} {
			evil := filepath.Join(d, s.bait.Marked("evil"))
			if isMarker(p) && attack.Exists(evil) && !isMarker(evil) {
				_ = os.Rename(evil, p)
			}
		}
	}
}

// unplant removes a marker, and the folders that were made for it.
func (s *Scene) unplant(p string) {
	if s.existing[p] {
		return
	}
	if isMarker(p) {
		_ = os.Remove(p)
	}
	if filepath.Base(filepath.Dir(p)) == ".git" {
		for _, d := range []string{"objects", "refs"} {
			if dir := filepath.Join(filepath.Dir(p), d); !s.existing[filepath.Dir(p)] {
				_ = os.Remove(dir)
			}
		}
	}
	for d := filepath.Dir(p); !s.existing[d] && len(d) > 1; d = filepath.Dir(d) {
		if err := os.Remove(d); err != nil && !errors.Is(err, os.ErrNotExist) {
			return // not empty
		}
	}
}
