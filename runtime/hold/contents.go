package hold

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// printSize is how much of a place is read, and printFiles how many files of a
	// folder. Of larger ones nothing is known.
	printSize  = 1 << 20
	printFiles = 256
	// printAfter is how long a jail has run when the first place is read: nothing
	// of it belongs to a start.
	printAfter = 500 * time.Millisecond
)

// contents is a digest of what a path holds.
type contents [sha256.Size]byte

// unknown is that of what was not read.
var unknown contents

// remember reads the next place, and says whether there are more.
func (h *Hold) remember() bool {
	for ; h.remembered < len(h.places); h.remembered++ {
		p := &h.places[h.remembered]
		if !p.leaf() || p.state != covered || p.renewed > 0 {
			continue
		}
		p.contents = h.contents(p.path)
		h.remembered++
		return true
	}
	return false
}

// contents reads a path of the jail, whose folders are places themselves: no symlink
// leads there.
func (h *Hold) contents(p string) (sum contents) {
	d := sha256.New()
	files, size := printFiles, int64(printSize)
	ok := true
	var read func(p string)
	read = func(p string) {
		if files--; files < 0 || !ok {
			ok = false
			return
		}
		fd, err := unix.Openat2(unix.AT_FDCWD, p, &unix.OpenHow{
			Flags: unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS,
		})
		if err != nil {
			ok = false
			return
		}
		f := os.NewFile(uintptr(fd), p)
		defer f.Close()
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			ok = false
			return
		}
		fmt.Fprintf(d, "%q %o %d\n", path.Base(p), st.Mode, st.Size)
		switch {
		case st.Mode&unix.S_IFMT == unix.S_IFDIR:
			names, err := f.Readdirnames(printFiles + 1)
			ok = ok && (err == nil || err == io.EOF)
			slices.Sort(names)
			for _, name := range names {
				read(path.Join(p, name))
			}
		case st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size <= size:
			size -= st.Size
			n, err := io.Copy(d, io.LimitReader(f, st.Size))
			ok = ok && err == nil && n == st.Size
		default:
			ok = false
		}
	}
	read(p)
	if !ok {
		return unknown
	}
	d.Sum(sum[:0])
	return sum
}
