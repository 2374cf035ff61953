// Package entries reads the names in a folder without an allocation for each: the
// searches of a project meet some hundred thousand of them, and want a few.
//
// What does not belong here: which folders are read, and what a name means.
package entries

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Buffer is a size that suits Each.
const Buffer = 64 << 10

// Each calls visit for each entry of an open folder but "." and "..", with the
// type that the file system says (unix.DT_*), until it says no. The name is valid
// only during the call.
func Each(fd int, buf []byte, visit func(name []byte, kind byte) (more bool)) error {
	for {
		n, err := Read(fd, buf)
		if err != nil || n <= 0 {
			return err
		}
		if more, err := Visit(buf[:n], visit); err != nil || !more {
			return err
		}
	}
}

// Read fills buf with entries of an open folder, for Visit; none are left where it
// says 0.
func Read(fd int, buf []byte) (n int, err error) {
	for {
		n, err = unix.Getdents(fd, buf)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}

// Visit is Each for what Read has read.
func Visit(b []byte, visit func(name []byte, kind byte) (more bool)) (more bool, err error) {
	// struct linux_dirent64 (getdents(2)): inode and offset of 8 bytes,
	// length of the record, type, name with a NUL and padding.
	const lenAt, typeAt, nameAt = 16, 18, 19
	for len(b) > nameAt {
		size := int(binary.NativeEndian.Uint16(b[lenAt:]))
		if size <= nameAt || size > len(b) {
			return false, unix.EIO
		}
		name := b[nameAt:size]
		if end := bytes.IndexByte(name, 0); end >= 0 {
			name = name[:end]
		}
		if string(name) != "." && string(name) != ".." && !visit(name, b[typeAt]) {
			return false, nil
		}
		b = b[size:]
	}
	return true, nil
}

// First tells names apart by their first byte and their length, which settles
// nearly all.
type First [256]uint64

// longest stands for all lengths from there on.
const longest = 63

// Add notes that names may be as this one, in which a "*" stands for any
// characters.
func (f *First) Add(name string) {
	lengths := uint64(1) << min(len(name), longest)
	before, _, glob := strings.Cut(name, "*")
	if glob {
		lengths = ^uint64(0) << min(len(name)-1, longest)
	}
	if before != "" {
		f[before[0]] |= lengths
		return
	}
	for i := range f {
		f[i] |= lengths
	}
}

// May tells whether a name can be one that was added.
func (f *First) May(name []byte) bool {
	return len(name) > 0 && f[name[0]]>>min(len(name), longest)&1 == 1
}
