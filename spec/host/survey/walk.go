package survey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/entries"
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/source"
	"github.com/jailed-claude/jailed-claude/spec/pattern"
	"github.com/jailed-claude/jailed-claude/spec/search"
)

const (
	// maxMatches bounds what patterns may match: each is a mount.
	maxMatches = 4096
	// maxPath is a length of path from which on folders are not entered; the
	// kernel's own limit is 4096.
	maxPath = 3500
)

// walk is the one search of the project's folders, breadth first: for the
// patterns wherever they can still match, and for nested repositories within
// the bounds above. It does not follow symlinks, but for those that an
// anchored pattern names component by component.
type walk struct {
	*survey
	lister
	queue []folder
	// expected is how many of them, from the first on, are being read.
	expected int
	// follows are first components of what agents take for instructions.
	follows entries.First
	// matches counts what patterns found.
	matches int
	// passed are the folders of tools in which what is to be hidden is not looked
	// for.
	passed []string
	// searched counts the folders in which repositories were looked for;
	// bounded says that there were more than search.Folders.
	searched int
	bounded  bool
}

// folder is one folder to look into.
type folder struct {
	path   string
	depth  int
	states []pattern.State
	// nested: look for repositories here.
	nested bool
}

func (w *walk) run(ctx context.Context, states []pattern.State) error {
	defer w.ahead.Close()
	w.queue = []folder{{path: w.p.Dir, states: states, nested: true}}
	for _, name := range agent.Instructions() {
		if !strings.Contains(name, "/") {
			w.follows.Add(name)
		}
	}
	for len(w.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.expect()
		d := w.queue[0]
		w.queue = w.queue[1:]
		if d.nested {
			if w.searched++; w.searched > search.Folders {
				d.nested, w.bounded = false, true
			}
		}
		if len(d.states) == 0 && !d.nested {
			continue
		}
		if err := w.enter(d); err != nil {
			return err
		}
	}
	if w.bounded {
		w.warn("nested git repositories were looked for in the first %d folders only; others in %s are not protected", search.Folders, w.p.Dir)
	}
	if len(w.passed) > 0 {
		more := ""
		if n := len(w.passed) - 1; n > 0 {
			more = fmt.Sprintf(" and %d more folders of tools", n)
		}
		w.warn("what hide patterns match is not hidden in %q%s: a pattern that names the folder is looked for there (%s)", w.passed[0], more, filepath.Base(w.passed[0])+"/**/.env")
	}
	w.tracked()
	return nil
}

// expect has the next folders read already, where there are many: for a few it is
// not worth it.
func (w *walk) expect() {
	const many = 64
	w.expected = max(w.expected-1, 0)
	for w.expected < len(w.queue) && len(w.queue) >= many {
		if d := w.queue[w.expected]; !d.nested || w.searched+w.expected >= search.Folders || !w.ahead.Expect(d.path) {
			return
		}
		w.expected++
	}
}

// enter looks at the entries of d that can matter.
func (w *walk) enter(d folder) error {
	d.states = pattern.Open(d.states)
	if names, all := pattern.Literals(d.states); all && !d.nested {
		for _, name := range names {
			if err := w.look(d, name, unix.DT_UNKNOWN); err != nil {
				return err
			}
		}
		return nil
	}
	var found error
	var guarded []string
	repository, head := false, false
	err := w.list(d.path, func(e entry) {
		if found != nil {
			return
		}
		if d.nested {
			if d.depth > 0 && w.follows.May(e.name) && slices.Contains(agent.Instructions(), string(e.name)) && utf8.ValidString(d.path) {
				w.p.Follows = append(w.p.Follows, d.path+"/"+string(e.name))
			}
			repository = repository || string(e.name) == ".git"
			head = head || string(e.name) == "HEAD"
			if w.guards.has(e.name) {
				guarded = append(guarded, string(e.name))
			} else if w.guards.spellings.Other(e.name) != "" {
				w.p.Respelled = append(w.p.Respelled, filepath.Join(d.path, string(e.name)))
			}
		}
		if e.kind == unix.DT_REG && (len(d.states) == 0 || !w.wants(d.states, e.name)) {
			return
		}
		found = w.look(d, string(e.name), e.kind)
	})
	if found != nil {
		return found
	}
	if err != nil {
		w.unsearched(d, err)
	}
	switch {
	case d.depth == 0:
	case repository:
		w.nested(d.path)
	case head && git.IsDir(d.path):
		w.bare(d.path)
	}
	w.guard(d.path, guarded)
	return nil
}

// wants is a quick look whether a file can finish a pattern. It makes no
// string of the name: nearly every file of a project ends here.
func (w *walk) wants(states []pattern.State, name []byte) bool {
	return slices.ContainsFunc(states, func(st pattern.State) bool { return st.Finishes(name) })
}

// look matches one entry, and queues it if its own entries can matter.
func (w *walk) look(d folder, name string, kind byte) error {
	path := filepath.Join(d.path, name)
	if kind == unix.DT_UNKNOWN {
		fi, err := os.Lstat(path)
		if err != nil {
			return nil //nolint:nilerr // not there, or out of reach: nothing to match
		}
		kind = kindOf(fi.Mode())
	}
	if door(kind) {
		if err := w.cover(path); err != nil {
			return err
		}
	}
	dir, link := kind == unix.DT_DIR, kind == unix.DT_LNK
	if link {
		dir = len(d.states) > 0 && source.IsDir(path)
	}
	done, next := pattern.Step(d.states, name, dir)
	if done != nil {
		if w.matches++; w.matches > maxMatches {
			return fmt.Errorf("%w %q: more than %d matches; name the folder that contains them", errPattern, done.Text, maxMatches)
		}
		if !utf8.ValidString(path) {
			return fmt.Errorf("%w %q matches %q, whose name is not UTF-8 and cannot be written in a config.json; rename it", errPattern, done.Text, path)
		}
		if done.Hide {
			w.hide(path, done.Text)
			return nil
		}
		w.protect(path, done.Text)
		// What is read-only can still hold what is to be hidden.
		next = hiding(next)
	}
	nested := d.nested && d.depth < search.Depth && kind == unix.DT_DIR && !search.Skips(name)
	if kind == unix.DT_DIR && !search.History(name) && pattern.Passed(d.states, name) {
		w.passed = append(w.passed, path)
	}
	if name == search.BuildFolder && dir && source.Exists(filepath.Join(path, search.BuildTag)) {
		if slices.ContainsFunc(next, func(st pattern.State) bool { return st.Hide && !st.Named && !st.Explicit() }) {
			w.passed = append(w.passed, path)
		}
		nested, next = false, keep(next, func(st pattern.State) bool { return st.Named || st.Explicit() })
	}
	if link {
		next = keep(next, func(st pattern.State) bool { return st.Named })
		if len(next) > 0 {
			path = w.inside(path)
		}
		if path == "" {
			return nil
		}
	}
	if !dir || len(next) == 0 && !nested {
		return nil
	}
	sub := folder{path: path, depth: d.depth + 1, states: next, nested: nested}
	if len(path) > maxPath {
		w.unsearched(sub, unix.ENAMETOOLONG)
		return nil
	}
	w.queue = append(w.queue, sub)
	return nil
}

// keep returns the states that ok says yes to.
func keep(states []pattern.State, ok func(pattern.State) bool) (kept []pattern.State) {
	for _, st := range states {
		if ok(st) {
			kept = append(kept, st)
		}
	}
	return kept
}

// hiding keeps the states of hide patterns.
func hiding(states []pattern.State) []pattern.State {
	return keep(states, func(st pattern.State) bool { return st.Hide })
}

// unsearched deals with a folder that cannot be read. If it is the caller's,
// the agent can make it readable, so it is hidden as a whole where a hide
// pattern could have matched inside.
func (w *walk) unsearched(d folder, why error) {
	fi, err := os.Lstat(d.path)
	if err != nil || !fi.IsDir() || len(hiding(d.states)) == 0 {
		return
	}
	if errors.Is(why, unix.EACCES) && source.Owner(fi) != w.o.UID {
		return
	}
	if !utf8.ValidString(d.path) || d.path == w.p.Dir {
		w.warn("%q cannot be searched for %q: %v", d.path, hiding(d.states)[0].Text, why)
		return
	}
	w.warn("%q is hidden as a whole, because it cannot be searched for %q: %v", d.path, hiding(d.states)[0].Text, why)
	w.hide(d.path, hiding(d.states)[0].Text)
}

func kindOf(m os.FileMode) byte {
	switch {
	case m.IsRegular():
		return unix.DT_REG
	case m.IsDir():
		return unix.DT_DIR
	case m&os.ModeSymlink != 0:
		return unix.DT_LNK
	case m&os.ModeSocket != 0:
		return unix.DT_SOCK
	case m&os.ModeNamedPipe != 0:
		return unix.DT_FIFO
	}
	return unix.DT_CHR // something else
}
