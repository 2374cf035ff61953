package beneath

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// What a path can be in place of a regular file of a bounded size.
var (
	ErrSymlink = errors.New("a symlink")
	ErrSpecial = errors.New("not a regular file")
	ErrLarge   = errors.New("too large")
)

// Dir opens a folder whose path is the user's own: symlinks count.
func Dir(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Root opens a folder, and waits for nobody where that is a FIFO: the slash
// says that it has to be a folder, as os.OpenRoot does not.
func Root(dir string) (*os.Root, error) { return os.OpenRoot(dir + "/") }

// Open opens a path below a folder and nowhere else, through no symlink.
func Open(d *os.File, name string, flags int, mode uint32) (*os.File, error) {
	how := unix.OpenHow{
		Flags: uint64(flags | unix.O_CLOEXEC), Mode: uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	for range 100 {
		fd, err := unix.Openat2(int(d.Fd()), name, &how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), path.Join(d.Name(), name)), nil
		case errors.Is(err, unix.ELOOP):
			return nil, ErrSymlink
		case errors.Is(err, unix.ENXIO): // a socket
			return nil, ErrSpecial
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return nil, err
		}
	}
	return nil, unix.EAGAIN
}

// Read reads a regular file below a folder, and says whether its owner can
// execute it.
func Read(d *os.File, name string, limit int64) (data []byte, exec bool, err error) {
	f, err := Open(d, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	return read(f, limit)
}

func read(f *os.File, limit int64) (data []byte, exec bool, err error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if !fi.Mode().IsRegular() {
		return nil, false, ErrSpecial
	}
	if fi.Size() > limit {
		return nil, false, ErrLarge
	}
	// As large as it is said to be, and a byte to see its end.
	b := bytes.NewBuffer(make([]byte, 0, fi.Size()+bytes.MinRead))
	if _, err := b.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, false, err
	}
	data = b.Bytes()
	if int64(len(data)) > limit {
		return nil, false, ErrLarge
	}
	return data, fi.Mode()&0o100 != 0, nil
}

// Parent opens the folder of a path below d, which it makes if it has to, and
// returns the last element beside it.
func Parent(d *os.File, name string, mode uint32) (*os.File, string, error) {
	at, err := Open(d, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, "", err
	}
	dir, base := path.Split(name)
	for part := range strings.SplitSeq(strings.TrimSuffix(dir, "/"), "/") {
		if part == "" {
			continue
		}
		next, err := Open(at, part, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			if err = unix.Mkdirat(int(at.Fd()), part, mode); err == nil || errors.Is(err, fs.ErrExist) {
				next, err = Open(at, part, unix.O_RDONLY|unix.O_DIRECTORY, 0)
			}
		}
		_ = at.Close()
		if err != nil {
			return nil, "", err
		}
		at = next
	}
	return at, base, nil
}

// Create writes a new file in a folder.
func Create(d *os.File, base string, data []byte, mode uint32) (err error) {
	f, err := Open(d, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	// The umask may have taken away from the mode.
	return errors.Join(err, f.Chmod(fs.FileMode(mode)), f.Sync(), f.Close())
}

// Replace puts a file in place of another, whole or not at all.
func Replace(d *os.File, base string, data []byte, mode uint32) error {
	temporary := ".jailed-claude-" + rand.Text()
	err := Create(d, temporary, data, mode)
	if err == nil {
		err = unix.Renameat(int(d.Fd()), temporary, int(d.Fd()), base)
	}
	if err != nil {
		_ = unix.Unlinkat(int(d.Fd()), temporary, 0)
	}
	return err
}
