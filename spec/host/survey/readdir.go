package survey

import "github.com/jailed-claude/jailed-claude/internal/entries"

// entry is one name in a folder, with its type where the file system says it.
type entry struct {
	// name is valid only during the call.
	name []byte
	// kind is one of unix.DT_*.
	kind byte
}

// lister reads folders. It keeps one buffer and counts, so that a folder of
// 200,000 files costs no allocation per file.
type lister struct {
	buf   []byte
	reads int
	ahead entries.Ahead
}

// list calls visit for each entry but "." and "..". It does not follow a
// symlink in the last component of dir.
func (l *lister) list(dir string, visit func(entry)) error {
	l.reads++
	if l.buf == nil {
		l.buf = make([]byte, entries.Buffer)
	}
	return l.ahead.Each(dir, l.buf, func(name []byte, kind byte) bool {
		visit(entry{name: name, kind: kind})
		return true
	})
}
