package watch

import (
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/entries"
	"github.com/jailed-claude/jailed-claude/spec/search"
)

// list returns what a folder holds that is wanted, and which of all are folders;
// nothing for a folder that cannot be read.
func (w *Watch) list(dir string, wanted func(name []byte) bool) (names, folders []string) {
	fd, err := w.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil, nil
	}
	defer unix.Close(fd)
	return w.read(fd, wanted)
}

func (w *Watch) read(fd int, wanted func(name []byte) bool) (names, folders []string) {
	if w.buf == nil {
		w.buf = make([]byte, entries.Buffer)
	}
	return entries.Wanted(fd, w.buf, search.Folders, wanted)
}
