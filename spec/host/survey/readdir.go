package survey

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

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
}

// list calls visit for each entry but "." and "..". It does not follow a
// symlink in the last component of dir.
func (l *lister) list(dir string, visit func(entry)) error {
	l.reads++
	if l.buf == nil {
		l.buf = make([]byte, 64<<10)
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Getdents(fd, l.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		// struct linux_dirent64 (getdents(2)): inode and offset of 8 bytes,
		// length of the record, type, name with a NUL and padding.
		const lenAt, typeAt, nameAt = 16, 18, 19
		for b := l.buf[:n]; len(b) > nameAt; {
			size := int(binary.NativeEndian.Uint16(b[lenAt:]))
			if size <= nameAt || size > len(b) {
				return unix.EIO
			}
			name := b[nameAt:size]
			if end := bytes.IndexByte(name, 0); end >= 0 {
				name = name[:end]
			}
			if s := string(name); s != "." && s != ".." {
				visit(entry{name: name, kind: b[typeAt]})
			}
			b = b[size:]
		}
	}
}
