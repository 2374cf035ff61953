package watch

import (
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/runtime/watch/before"
)

// finding is one thing to report.
type finding struct{ path, why string }

// goneAgain is for what nobody can look at any more.
const goneAgain = " (it was there while the jail ran, and is gone again)"

// follow notes what an entry of a folder is, or holds, that agents follow.
func (w *Watch) follow(dir, entry string) {
	for _, n := range w.follows.Of(entry) {
		w.follows.There = append(w.follows.There, w.match(dir, append([]string{entry}, n.Parts[1:]...))...)
	}
}

// Followed is what agents take for instructions, files and folders: what was there at
// the start, and what the search for Report found.
func (w *Watch) Followed() []string {
	slices.Sort(w.follows.There)
	return slices.Compact(w.follows.There)
}

// Finding is something that Report named: at Below, under the folder that is open
// as Root, which no move of the jail's changes; In is where that is on the host.
type Finding struct {
	Path, Why string
	Root      int
	In, Below string
	// Was has what lay there at the start, by paths that begin with From; nil where
	// nothing did.
	Was  *before.Look
	From string
	// Overlooked is the entry, if Below is a git index that has one git overlooks.
	Overlooked string
}

// Found is what Report named. Root is valid until Close.
func (w *Watch) Found() []Finding {
	all := make([]Finding, 0, len(w.found))
	for _, f := range w.found {
		r := w.root(f.path)
		one := Finding{Path: w.Now(f.path), Why: f.why, Root: r.fd, In: w.Now(r.path), Below: strings.TrimPrefix(f.path, r.path+"/"), Was: w.was[f.path], From: r.path + "/"}
		if one.Was != nil && one.Was.Index != "" {
			one.Below = strings.TrimPrefix(one.Was.Index, one.From)
			one.Overlooked = strings.TrimPrefix(strings.TrimPrefix(f.path, one.Was.Index), ": ")
		}
		all = append(all, one)
	}
	return all
}
