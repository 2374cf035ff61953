package apply

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// bare takes from a file of the layer what must not cross: the setuid, setgid and
// sticky bits, and overlayfs's attributes, of this mount or forged.
func bare(dir *os.File, base string, s *upper.State) error {
	if s.Kind != upper.File {
		return nil // a symlink has neither
	}
	f, err := beneath.Open(dir, base, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	names, err := attributes(f)
	if err != nil {
		return err
	}
	for _, n := range names {
		if strings.HasPrefix(n, upper.Prefix) {
			if err := unix.Fremovexattr(int(f.Fd()), n); err != nil {
				return os.NewSyscallError("removexattr", err)
			}
		}
	}
	if s.Mode&^upper.Permissions == 0 {
		return nil
	}
	return os.NewSyscallError("fchmod", unix.Fchmod(int(f.Fd()), s.Mode&upper.Permissions))
}

// attributes are the names of a file's extended attributes.
func attributes(f *os.File) ([]string, error) {
	var small [256]byte
	buf := small[:]
	for {
		n, err := unix.Flistxattr(int(f.Fd()), buf)
		switch {
		case errors.Is(err, unix.ERANGE):
			buf = make([]byte, 4*len(buf))
			continue
		case errors.Is(err, unix.ENOTSUP) || err == nil && n == 0:
			return nil, nil
		case err != nil:
			return nil, os.NewSyscallError("listxattr", err)
		}
		return strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00"), nil
	}
}

// copied makes a copy of what is in one folder in another, with the mode of s:
// of a folder all that is in it, where from is not nil.
func copied(from *os.File, name string, to *os.File, as string, s *upper.State) error {
	switch s.Kind {
	case upper.Symlink:
		if err := unix.Symlinkat(s.Target, int(to.Fd()), as); err != nil {
			return &os.PathError{Op: "symlink", Path: as, Err: err}
		}
		return nil
	case upper.Folder:
		return copiedFolder(from, name, to, as, s)
	case upper.File:
	case upper.FIFO, upper.Socket, upper.Device:
		return fmt.Errorf("%q is a %s, which is not copied", name, s.Kind)
	}
	in, err := beneath.Open(from, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := beneath.Open(to, as, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, copiedAttributes(in, out), out.Chmod(fs.FileMode(s.Mode&upper.Permissions)))
	at := unix.NsecToTimespec(s.Modified)
	err = errors.Join(err, unix.UtimesNanoAt(int(out.Fd()), "", []unix.Timespec{at, at}, unix.AT_EMPTY_PATH))
	return errors.Join(err, out.Close())
}

// copiedAttributes takes over those of the user, but for overlayfs's own.
func copiedAttributes(in, out *os.File) error {
	names, err := attributes(in)
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for _, n := range names {
		if !strings.HasPrefix(n, "user.") || strings.HasPrefix(n, upper.Prefix) {
			continue
		}
		size, err := unix.Fgetxattr(int(in.Fd()), n, buf)
		if err == nil {
			err = unix.Fsetxattr(int(out.Fd()), n, buf[:size], 0)
		}
		if err != nil && !errors.Is(err, unix.ENOTSUP) {
			return os.NewSyscallError("setxattr", err)
		}
	}
	return nil
}

func copiedFolder(from *os.File, name string, to *os.File, as string, s *upper.State) error {
	if err := unix.Mkdirat(int(to.Fd()), as, 0o700); err != nil {
		return &os.PathError{Op: "mkdir", Path: as, Err: err}
	}
	out, err := beneath.Open(to, as, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	if from != nil {
		in, err := beneath.Open(from, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		defer in.Close()
		names, err := in.Readdirnames(-1)
		if err != nil {
			return err
		}
		for _, n := range names {
			below, err := upper.Lookup(in, n)
			if err == nil && below != nil {
				err = copied(in, n, out, n, below)
			}
			if err != nil {
				return err
			}
		}
	}
	return os.NewSyscallError("fchmod", unix.Fchmod(int(out.Fd()), s.Mode&upper.Permissions))
}

// remove removes what is at a name in one of our folders, with all that is in it.
func (w *Work) remove(dir *os.File, name string) error {
	err := unix.Unlinkat(int(dir.Fd()), name, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if errors.Is(err, unix.EISDIR) {
		root, e := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d/", dir.Fd()))
		if e != nil {
			return e
		}
		defer root.Close()
		if err = root.RemoveAll(name); errors.Is(err, fs.ErrPermission) {
			opened(root, name)
			err = root.RemoveAll(name)
		}
	}
	return err
}

// opened makes folders writable that are to be removed.
func opened(root *os.Root, name string) {
	_ = root.Chmod(name, 0o700)
	_ = fs.WalkDir(root.FS(), name, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			_ = root.Chmod(p, 0o700)
		}
		return nil // what stays is reported by who removes
	})
}

// removeAll removes a folder of ours. The journal goes first: what is left
// without one was never begun, or is done.
func removeAll(dir string) error {
	if err := os.Remove(filepath.Join(dir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := os.RemoveAll(dir)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	root, err := os.OpenRoot(dir + "/")
	if err != nil {
		return err
	}
	opened(root, ".")
	root.Close()
	return os.RemoveAll(dir)
}

// RemoveAll removes a folder, with folders in it that nobody may write.
func RemoveAll(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return removeAll(dir)
}

// Aside moves a path of the upper folder to a folder, with its own folders.
func Aside(up *os.File, path, to string) error {
	dir, base, err := upper.Parent(up, path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if now, err := upper.Stat(dir, base); err != nil || now == nil {
		return errors.Join(err, errors.New("it is deleted together with a folder that was made again: discard that folder"))
	}
	at := filepath.Join(to, "upper", filepath.Dir(path))
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	d, err := beneath.Dir(at)
	if err != nil {
		return err
	}
	defer d.Close()
	err = unix.Renameat2(int(dir.Fd()), base, int(d.Fd()), base, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EACCES) {
		// The agent closed the folder, or the one that is to move.
		_ = chmod(dir, owner)
		if sub, e := beneath.Open(dir, base, unix.O_PATH|unix.O_DIRECTORY, 0); e == nil {
			_ = chmod(sub, owner)
			sub.Close()
		}
		err = unix.Renameat2(int(dir.Fd()), base, int(d.Fd()), base, unix.RENAME_NOREPLACE)
	}
	return os.NewSyscallError("rename", err)
}
