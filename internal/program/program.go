package program

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// Path is a PATH without relative folders, and without those that are or lead
// into one of never, which are resolved.
func Path(path string, never []string) string {
	kept := slices.DeleteFunc(filepath.SplitList(path), func(dir string) bool { return !filepath.IsAbs(dir) || In(dir, never) })
	return strings.Join(kept, string(filepath.ListSeparator))
}

// Look finds a program on PATH as exec.LookPath does, but none that is, or leads
// to, something in one of never.
func Look(path, name string, never []string) (string, error) {
	for _, dir := range filepath.SplitList(Path(path, never)) {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil && !In(p, never) {
			return p, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// In tells whether a path is, or leads to, something in one of never.
func In(p string, never []string) bool {
	below := func(p string) bool {
		return slices.ContainsFunc(never, func(dir string) bool { return paths.Below(p, dir) })
	}
	if below(filepath.Clean(p)) {
		return true
	}
	// What leads nowhere has no programs; each that is found is looked at again.
	real, err := filepath.EvalSymlinks(p)
	return err == nil && below(real)
}
