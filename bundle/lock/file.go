package lock

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Read reads a lock file. One that is a symlink or no file at all is refused
// (errNotRegular): a project's files come from whoever wrote the project. It
// returns the bytes as well, for who wants to approve exactly those.
func Read(file string) (*Lock, []byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		err = &fs.PathError{Op: "open", Path: file, Err: errNotRegular}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the lock: %w", err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("read the lock: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("read the lock: %w", &fs.PathError{Op: "open", Path: file, Err: errNotRegular})
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read the lock: %w", err)
	}
	l, err := Parse(data)
	if err != nil {
		return nil, nil, fmt.Errorf("lock %q: %w", file, err)
	}
	return l, data, nil
}

// Write writes a lock file at once: beside it, then in its place. Whatever
// happens, the file is the old one or the new one.
func Write(file string, l *Lock) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the lock: %w", err)
		}
	}()
	tmp := file + ".new-" + rand.Text()
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp))
		}
	}()
	_, err = f.Write(l.Render())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}
