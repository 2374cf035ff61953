// Package before is what lay at a path when a jail started: enough to say whether it
// has changed, and to put it back where it is small.
//
// What does not belong here: which paths matter.
package before

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"
)

const (
	// maxContent is how much of a file is read to see whether it has changed; of
	// a larger one the kernel's time of the last change says it.
	maxContent = 1 << 20
	// maxFiles bounds what is looked at below one folder.
	maxFiles = 4096
	// Room is how much content is kept of all of a jail's paths.
	Room = 4 << 20
)

// Look is what was at a path.
type Look struct {
	sum [sha256.Size]byte
	// Files are what there was, but for folders, by their paths.
	Files map[string]File
	// Absent: nothing was there.
	Absent bool
	// Index is that of git, where it is about an entry in it.
	Index string
}

// File is one of them. Of a large one there is no Digest, Content is there if there
// was room, and Target is that of a symlink. Changed is the ctime in nanoseconds.
type File struct {
	Mode    uint32
	Size    int64
	Changed int64
	Digest  string
	Target  string
	Content []byte
}

// Kept tells whether it can be put back.
func (f *File) Kept() bool {
	return f.Content != nil || f.Target != "" || f.Digest != "" && f.Size == 0
}

// Symlink is one that said target.
func Symlink(target string) File {
	sum := sha256.Sum256([]byte(target))
	return File{Mode: 0o777, Size: int64(len(target)), Digest: hex.EncodeToString(sum[:]), Target: target}
}

// Same says whether two looks saw the same.
func (l *Look) Same(o *Look) bool { return l.sum == o.sum }

// At looks at a path, through open, which follows no symlink. If room is not nil, what
// is small is kept, and room gets less.
func At(open func(p string, flags uint64) (int, error), p string, room *int64) *Look {
	l := &Look{Files: map[string]File{}}
	h := sha256.New()
	left := maxFiles
	var look func(p string)
	look = func(p string) {
		if left--; left < 0 {
			return
		}
		fd, err := open(p, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
		if err != nil {
			fmt.Fprintf(h, "%q %v\n", p, err)
			l.symlink(open, p, h)
			l.Absent = errors.Is(err, unix.ENOENT) && left == maxFiles-1
			return
		}
		f := os.NewFile(uintptr(fd), p)
		defer f.Close()
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			return
		}
		switch {
		case st.Mode&unix.S_IFMT == unix.S_IFDIR:
			names, _ := f.Readdirnames(maxFiles)
			slices.Sort(names)
			for _, name := range names {
				look(path.Join(p, name))
			}
		case st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size <= maxContent:
			l.file(f, p, &st, h, room)
		default:
			fmt.Fprintf(h, "%q %o %d %d.%d\n", p, st.Mode, st.Ino, st.Ctim.Sec, st.Ctim.Nsec)
			l.Files[p] = File{Mode: st.Mode & 0o7777, Size: st.Size, Changed: st.Ctim.Nano()}
		}
	}
	look(p)
	h.Sum(l.sum[:0])
	return l
}

// file reads a file once.
func (l *Look) file(f *os.File, p string, st *unix.Stat_t, h io.Writer, room *int64) {
	in, one := io.LimitReader(f, maxContent), sha256.New()
	kept := File{Mode: st.Mode & 0o7777, Size: st.Size, Changed: st.Ctim.Nano()}
	if room == nil || st.Size > *room {
		_, _ = io.Copy(one, in)
	} else if text, err := io.ReadAll(in); err == nil {
		*room -= int64(len(text))
		_, _ = one.Write(text)
		kept.Content, kept.Size = text, int64(len(text))
	}
	kept.Digest = hex.EncodeToString(one.Sum(nil))
	fmt.Fprintf(h, "%q %o %s\n", p, st.Mode, kept.Digest)
	l.Files[p] = kept
}

// symlink looks at what could not be opened.
func (l *Look) symlink(open func(p string, flags uint64) (int, error), p string, h io.Writer) {
	dir, err := open(path.Dir(p), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return
	}
	defer unix.Close(dir)
	buf := make([]byte, unix.PathMax)
	if n, err := unix.Readlinkat(dir, path.Base(p), buf); err == nil {
		fmt.Fprintf(h, "-> %q\n", buf[:n])
		l.Files[p] = Symlink(string(buf[:n]))
	}
}
