package watch

import (
	"bytes"
	"fmt"
	"path"
	"slices"

	"github.com/jailed-claude/jailed-claude/internal/gitindex"
	"github.com/jailed-claude/jailed-claude/runtime/watch/before"
)

// comparedIndex bounds a git index whose entries are compared: 80,000 files. Of a
// larger one nothing is said.
const comparedIndex = 8 << 20

// change is a path whose change is reported.
type change struct {
	path, why string
	before    *before.Look
	// entries are those of a git index that git overlooks, or of packed-refs that
	// replace objects: the rest of these files changes with ordinary work.
	entries map[string]bool
}

// remember looks at what is there before the agent runs.
func (w *Watch) remember(list map[string]string, paths []string) {
	for _, p := range paths {
		c := change{path: p, why: list[p]}
		switch path.Base(p) {
		case "index":
			c.entries = w.overlooked(p)
		case packedRefs:
			c.entries, c.before = w.replacing(p), &before.Look{Absent: true}
		default:
			c.before = before.At(w.Open, p, &w.room)
		}
		w.changes = append(w.changes, c)
	}
}

// altered says what is to be reported of a path now.
func (w *Watch) altered(c change) []finding {
	var now map[string]bool
	switch path.Base(c.path) {
	case "index":
		now = w.overlooked(c.path)
	case packedRefs:
		now = w.replacing(c.path)
	default:
		if before.At(w.Open, c.path, nil).Same(c.before) {
			return nil
		}
		return []finding{{c.path, "changed: " + c.why}}
	}
	var found []finding
	for _, name := range sortedKeys(now) {
		if now[name] && !c.entries[name] {
			found = append(found, finding{c.path + ": " + name, c.why})
		}
	}
	const most = 10
	if more := len(found) - most; more > 0 {
		found = append(found[:most], finding{c.path, fmt.Sprintf("%d more such files", more)})
	}
	return found
}

func sortedKeys(m map[string]bool) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// packedRefs has references that "git pack-refs" gathered.
const packedRefs = "packed-refs"

// replacing lists the references in it that have git show other objects.
func (w *Watch) replacing(p string) map[string]bool {
	data, there, err := w.file(p, comparedIndex)
	names := map[string]bool{}
	names["cannot be read"] = there && err != nil
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); bytes.Contains(line, []byte(" refs/replace/")) {
			names[string(line)] = true
		}
	}
	return names
}

// overlooked reads which files a git index says are to be overlooked; nil
// for one that is not understood, or too large.
func (w *Watch) overlooked(p string) (names map[string]bool) {
	g := path.Dir(p)
	data, _, err := w.file(p, comparedIndex)
	if err != nil {
		return nil
	}
	l, err := gitindex.Parse(data, w.nameSize(g), nil)
	if err != nil {
		return nil
	}
	names = map[string]bool{}
	if l.Shared != "" {
		if data, _, err := w.file(path.Join(g, "sharedindex."+l.Shared), comparedIndex); err == nil {
			shared, _ := gitindex.Parse(data, w.nameSize(g), nil)
			l.Overlooked = append(l.Overlooked, shared.Overlooked...)
		}
	}
	for _, n := range l.Overlooked {
		names[n] = true
	}
	return names
}
