// Package entries reads the names in a folder without an allocation for each: the
// searches of a project meet some hundred thousand of them, and want a few.
//
// What does not belong here: which folders are read, and what a name means.
package entries

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// Buffer is a size that suits Each.
const Buffer = 64 << 10

// Each calls visit for each entry of an open folder but "." and "..", with the
// type that the file system says (unix.DT_*), until it says no. The name is valid
// only during the call.
func Each(fd int, buf []byte, visit func(name []byte, kind byte) (more bool)) error {
	for {
		n, err := unix.Getdents(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		// struct linux_dirent64 (getdents(2)): inode and offset of 8 bytes,
		// length of the record, type, name with a NUL and padding.
		const lenAt, typeAt, nameAt = 16, 18, 19
		for b := buf[:n]; len(b) > nameAt; {
			size := int(binary.NativeEndian.Uint16(b[lenAt:]))
			if size <= nameAt || size > len(b) {
				return unix.EIO
			}
			name := b[nameAt:size]
			if end := bytes.IndexByte(name, 0); end >= 0 {
				name = name[:end]
			}
			if string(name) != "." && string(name) != ".." && !visit(name, b[typeAt]) {
				return nil
			}
			b = b[size:]
		}
	}
}

// First tells names apart by their first byte, which settles nearly all.
type First [256]bool

// Add notes that names may begin as this one does. One without a first byte, or
// with a "*" there, lets all through.
func (f *First) Add(name string) {
	if name == "" || name[0] == '*' {
		for i := range f {
			f[i] = true
		}
		return
	}
	f[name[0]] = true
}

// May tells whether a name begins as one that was added.
func (f *First) May(name []byte) bool { return len(name) > 0 && f[name[0]] }
