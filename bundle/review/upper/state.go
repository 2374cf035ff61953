package upper

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// Kind is what a path is.
type Kind string

// Kinds.
const (
	File    Kind = "file"
	Symlink Kind = "symlink"
	Folder  Kind = "folder"
	FIFO    Kind = "fifo"
	Socket  Kind = "socket"
	Device  Kind = "device"
)

// Plain kinds can be applied.
func (k Kind) Plain() bool { return k == File || k == Symlink || k == Folder }

// State is what is at a path.
type State struct {
	Kind Kind `json:"kind"`
	// Mode are the permissions, with setuid, setgid and sticky bits.
	Mode uint32 `json:"mode"`
	Size int64  `json:"size"`
	// Digest is the SHA-256 of a file's content or of a symlink's text, in
	// hexadecimal digits; of a folder that is gone, of names, sizes and times in
	// it.
	Digest string `json:"digest,omitempty"`
	// Target is the text of a symlink.
	Target string `json:"target,omitempty"`
	// Changed is the ctime in nanoseconds, Modified the mtime, Inode the number:
	// as they were when Digest was made.
	Changed  int64  `json:"changed"`
	Modified int64  `json:"modified"`
	Inode    uint64 `json:"inode"`
	// Links is how many names a file has.
	Links uint64 `json:"links,omitempty"`
}

// Same says whether two states are the same for whoever reads the path.
func (s *State) Same(o *State) bool {
	if s == nil || o == nil {
		return s == o
	}
	if s.Kind != o.Kind || s.Digest != o.Digest {
		return false
	}
	return s.Kind == Symlink || s.Mode&Permissions == o.Mode&Permissions
}

// Permissions are the bits of a mode that are taken over.
const Permissions = 0o777

// stateOf is what fstatat(2) says.
func stateOf(st *unix.Stat_t) *State {
	s := &State{Mode: st.Mode & 0o7777, Size: st.Size, Changed: st.Ctim.Nano(), Modified: st.Mtim.Nano(), Inode: st.Ino, Links: uint64(st.Nlink)} //nolint:unconvert // not 64 bits on every architecture
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		s.Kind = File
	case unix.S_IFLNK:
		s.Kind = Symlink
	case unix.S_IFDIR:
		s.Kind, s.Size = Folder, 0
	case unix.S_IFIFO:
		s.Kind = FIFO
	case unix.S_IFSOCK:
		s.Kind = Socket
	default:
		s.Kind = Device
	}
	return s
}

// Parent opens the folder of a path below root, through no symlink; base is the
// path's last element.
func Parent(root *os.File, name string) (dir *os.File, base string, err error) {
	at, base := ".", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		at, base = name[:i], name[i+1:]
	}
	if base == "" || base == "." || base == ".." {
		return nil, "", fmt.Errorf("%q is no path in a folder", name)
	}
	dir, err = beneath.Open(root, at, unix.O_PATH|unix.O_DIRECTORY, 0)
	return dir, base, err
}

// Lookup is what is at a path below root, with the digest of what can be read;
// nil if there is nothing.
func Lookup(root *os.File, name string) (*State, error) {
	s, err := Stat(root, name)
	if s != nil && err == nil {
		err = s.read(root, name)
	}
	return s, err
}

// Stat is Lookup without a digest.
func Stat(root *os.File, name string) (*State, error) {
	if !strings.Contains(name, "/") && name != "" && name != "." && name != ".." {
		return statAt(int(root.Fd()), name)
	}
	dir, base, err := Parent(root, name)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return statAt(int(dir.Fd()), base)
}

// absent: a folder on the way is missing, or is something else.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, beneath.ErrSymlink)
}

func statAt(dir int, base string) (*State, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: base, Err: err}
	}
	return stateOf(&st), nil
}

// errMoving is returned where a file is written while it is read.
var errMoving = errors.New("it changes while it is read")

// buffers are for reading files: there may be many small ones.
var buffers = sync.Pool{New: func() any {
	buf := make([]byte, 64<<10)
	return &buf
}}

// read fills in the digest, and the target of a symlink.
func (s *State) read(root *os.File, name string) error {
	switch s.Kind {
	case File:
		f, err := beneath.Open(root, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		buf, _ := buffers.Get().(*[]byte)
		// Without the methods of the file, which would make a buffer of its own.
		_, err = io.CopyBuffer(h, struct{ io.Reader }{f}, *buf)
		buffers.Put(buf)
		if err != nil {
			return fmt.Errorf("read %q: %w", name, err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			return err
		}
		if now := stateOf(&st); now.Kind != File || now.Inode != s.Inode || now.Size != s.Size || now.Modified != s.Modified || now.Changed != s.Changed {
			return fmt.Errorf("%q: %w", name, errMoving)
		}
		s.Digest = sum(h)
	case Symlink:
		target, err := readlink(root, name)
		if err != nil {
			return err
		}
		s.Target, s.Digest = target, Digest([]byte(target))
	case Folder, FIFO, Socket, Device:
	}
	return nil
}

func readlink(root *os.File, name string) (string, error) {
	dir, base, err := Parent(root, name)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(dir.Fd()), base, buf)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(buf[:n]), nil
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// Digest is that of a content.
func Digest(data []byte) string {
	d := sha256.Sum256(data)
	return hex.EncodeToString(d[:])
}

// Tree looks at all that is in a folder, names, sizes and times, and digests it.
// see is called for each path in it; it may be nil.
func Tree(root *os.File, name string, see func(rel string, s *State)) (digest string, files int, err error) {
	h := sha256.New()
	var walk func(d *os.File, rel string) error
	walk = func(d *os.File, rel string) error {
		names, err := list(d)
		if err != nil {
			return err
		}
		for _, n := range names {
			s, err := statAt(int(d.Fd()), n)
			if err != nil {
				return err
			}
			if s == nil {
				continue
			}
			p := rel + n
			fmt.Fprintf(h, "%q %s %o %d", p, s.Kind, s.Mode, s.Size)
			if s.Kind != Folder {
				fmt.Fprintf(h, " %d", s.Modified)
				files++
			}
			h.Write([]byte{'\n'})
			if see != nil {
				see(p, s)
			}
			if s.Kind != Folder {
				continue
			}
			sub, err := beneath.Open(d, n, unix.O_RDONLY|unix.O_DIRECTORY, 0)
			if err != nil {
				return fmt.Errorf("%q: %w", p, err)
			}
			err = walk(sub, p+"/")
			sub.Close()
			if err != nil {
				return err
			}
		}
		return nil
	}
	d, err := beneath.Open(root, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return "", 0, err
	}
	defer d.Close()
	err = walk(d, "")
	return sum(h), files, err
}
