package watch

import (
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
	// overlooked are the entries of a git index that git overlooks.
	overlooked map[string]bool
}

// remember looks at what is there before the agent runs.
func (w *Watch) remember(list map[string]string, paths []string) {
	for _, p := range paths {
		c := change{path: p, why: list[p]}
		if path.Base(p) == "index" {
			c.overlooked, _ = w.overlooked(p)
		} else {
			c.before = before.At(w.open, p, &w.room)
		}
		w.changes = append(w.changes, c)
	}
}

// altered says what is to be reported of a path now.
func (w *Watch) altered(c change) []finding {
	if path.Base(c.path) != "index" {
		if before.At(w.open, c.path, nil).Same(c.before) {
			return nil
		}
		return []finding{{c.path, "changed: " + c.why}}
	}
	now, ok := w.overlooked(c.path)
	if !ok {
		return nil
	}
	var found []finding
	for _, name := range sortedKeys(now) {
		if !c.overlooked[name] {
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

// overlooked reads which files a git index says are to be overlooked. ok is false
// for one that is not understood, or too large.
func (w *Watch) overlooked(p string) (names map[string]bool, ok bool) {
	g := path.Dir(p)
	data, _, err := w.file(p, comparedIndex)
	if err != nil {
		return nil, false
	}
	l, err := gitindex.Parse(data, w.nameSize(g), nil)
	if err != nil {
		return nil, false
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
	return names, true
}
