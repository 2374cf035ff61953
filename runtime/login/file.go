package login

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/credential"
)

// maxFile is far more than a file of logins ever has.
const maxFile = 1 << 20

// Read reads the login of a configuration folder, in a format. The error is
// fs.ErrNotExist where there is none. No error has anything of the file in it.
func Read(f credential.Format, dir string) (credential.Login, error) {
	_, l, err := read(f, filepath.Join(dir, f.File))
	return l, err
}

// contents is the whole file, of the caller's own.
func contents(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, fmt.Errorf("%q is no regular file", name)
	case st.Uid != uint32(os.Getuid()):
		return nil, fmt.Errorf("%q belongs to uid %d, not to you", name, st.Uid)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%q is larger than any file of logins", name)
	}
	return text, err
}

// read returns the whole file, and the login in it.
func read(f credential.Format, name string) ([]byte, credential.Login, error) {
	text, err := contents(name)
	if err != nil {
		return nil, credential.Login{}, err
	}
	l, err := f.Parse(text)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%q has no login: %w", name, err)
	case err != nil:
		err = fmt.Errorf("%q has a login that cannot be read: %w", name, err)
	}
	return text, l, err
}

// write puts a login into the file, and leaves the rest of it as it is. The
// file is whole at every moment.
func write(f credential.Format, name string, l credential.Login, now time.Time) error {
	text, _, err := read(f, name)
	if err != nil {
		return err
	}
	return put(f, name, text, l, now)
}

// create is write where there need not be a login yet, nor a file.
func create(f credential.Format, name string, l credential.Login, now time.Time) error {
	text, err := contents(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return put(f, name, text, l, now)
}

func put(f credential.Format, name string, text []byte, l credential.Login, now time.Time) error {
	text, err := f.Update(text, l, now)
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	return replace(name, text)
}

// replace writes a file in one step, 0600. A symlink stays one.
func replace(name string, text []byte) error {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	temporary := name + ".tmp." + rand.Text()
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}
