package survey

import (
	"fmt"
	"path/filepath"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/search"
)

const (
	// maxSockets bounds what is covered: each is a mount.
	maxSockets = 4096
	// readFolders is in how many folders sockets are looked for below a folder
	// that a jail may only read: no other search goes there.
	readFolders = 256
)

// door tells whether a type (unix.DT_*) is one by which a program of the host
// can be talked to, whatever the network of a jail is: a socket or a FIFO.
// Devices are none: no mount of a jail opens them.
func door(kind byte) bool { return kind == unix.DT_SOCK || kind == unix.DT_FIFO }

// cover adds a socket or FIFO to Sockets.
func (v *survey) cover(path string) error {
	switch {
	case v.o.Granted[path]:
		return nil
	case len(v.p.Sockets) >= maxSockets:
		return fmt.Errorf("more than %d sockets and FIFOs in %q: remove them, for a program of the host may listen on each", maxSockets, v.p.Dir)
	case !utf8.ValidString(path):
		return fmt.Errorf("%q is a socket or FIFO whose name is not UTF-8 and cannot be written in a config.json; remove it", path)
	}
	v.p.Sockets = append(v.p.Sockets, path)
	return nil
}

// coverFile is cover for a path that may be something else.
func (v *survey) coverFile(path string) {
	var st unix.Stat_t
	if unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK && v.root(path) != "" && !v.o.Granted[path] {
		v.p.Sockets = append(v.p.Sockets, path)
	}
}

// Sockets lists the sockets and FIFOs below a folder that a jail may read, in its
// first folders. granted are those that it may use.
func Sockets(dir string, granted map[string]bool) (found []string) {
	type folder struct {
		path  string
		depth int
	}
	var l lister
	queue := []folder{{path: dir}}
	for left := readFolders; len(queue) > 0 && left > 0 && len(found) < maxSockets; left-- {
		d := queue[0]
		queue = queue[1:]
		_ = l.list(d.path, func(e entry) { // what cannot be read is no way to a socket either
			p := filepath.Join(d.path, string(e.name))
			switch {
			case door(e.kind) && !granted[p] && utf8.ValidString(p):
				found = append(found, p)
			case e.kind == unix.DT_DIR && d.depth < search.Depth:
				queue = append(queue, folder{p, d.depth + 1})
			}
		})
	}
	return found
}
