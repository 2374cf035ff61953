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
	_ = entries.Each(fd, w.buf, func(name []byte, kind byte) bool {
		if kind == unix.DT_UNKNOWN {
			kind = kindAt(fd, string(name))
		}
		if kind == unix.DT_DIR {
			folders = append(folders, string(name))
		}
		if wanted(name) {
			names = append(names, string(name))
		}
		// A folder of a million entries is not worth the wait.
		return len(folders) <= search.Folders
	})
	return names, folders
}

// kindAt asks for what a file system does not say by itself.
func kindAt(fd int, name string) byte {
	var st unix.Stat_t
	if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return unix.DT_DIR
	}
	return unix.DT_UNKNOWN
}
