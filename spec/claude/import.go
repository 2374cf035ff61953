package claude

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// Import puts a copy of another private configuration, that of the state folder
// from, in the place of the one in state. It is replaced as a whole: a copy that
// fails changes nothing. Files, folders and symlinks are copied, and nothing
// else; no symlink is followed.
func Import(from, state string) error {
	source, err := beneath.Root(from)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	defer source.Close()
	target, err := beneath.Root(state)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	defer target.Close()
	fresh, old := ".import-"+rand.Text(), ".replaced-"+rand.Text()
	defer func() { _, _ = target.RemoveAll(fresh), target.RemoveAll(old) }()
	if err := copyTree(source, PrivateDir, target, fresh); err != nil {
		return fmt.Errorf("copy %s: %w", PrivateDir, err)
	}
	// Without it the next run would be taken for the first one.
	if err := copyFile(source, manifestName, target, fresh+"-"+manifestName); err == nil {
		err = target.Rename(fresh+"-"+manifestName, manifestName)
		if err != nil {
			return fmt.Errorf("copy %s: %w", manifestName, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("copy %s: %w", manifestName, err), target.RemoveAll(fresh+"-"+manifestName))
	}
	if err := target.Rename(PrivateDir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replace %s: %w", PrivateDir, err)
	}
	if err := target.Rename(fresh, PrivateDir); err != nil {
		return errors.Join(fmt.Errorf("replace %s: %w", PrivateDir, err), target.Rename(old, PrivateDir))
	}
	return nil
}

// copyTree copies a folder of one root to a new one of another.
func copyTree(from *os.Root, at string, to *os.Root, as string) error {
	return fs.WalkDir(from.FS(), at, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := as + name[len(at):]
		switch d.Type() {
		case fs.ModeDir:
			return to.Mkdir(target, 0o700)
		case fs.ModeSymlink:
			link, err := from.Readlink(name)
			if err != nil {
				return err
			}
			return to.Symlink(link, target)
		case 0:
			return copyFile(from, name, to, target)
		}
		return nil // a socket or FIFO of a session that is over
	})
}

// copyFile copies a regular file, with its executable bit.
func copyFile(from *os.Root, name string, to *os.Root, as string) error {
	// A FIFO that comes to its place meanwhile is not waited for.
	in, err := from.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	fi, err := in.Stat()
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return beneath.ErrSpecial
	}
	out, err := to.OpenFile(as, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600|fi.Mode().Perm()&0o100)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
