package apply

import (
	"crypto/rand"
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// ErrChanged is returned where a file of the host is not what was looked at.
var ErrChanged = errors.New("it was changed while it was looked at")

// Out moves what is in a folder of the host to one of ours, if it is what was seen
// there; otherwise all stays.
func Out(dir *os.File, base string, seen *upper.State, to *os.File, as string) error {
	err := moved(dir, base, to, as)
	if errors.Is(err, unix.EXDEV) {
		return across(dir, base, seen, to, as)
	}
	if err != nil {
		return err
	}
	return unless(seen, to, as, func() error { return moved(to, as, dir, base) })
}

// unless gives something back that is not what was seen.
func unless(seen *upper.State, at *os.File, name string, back func() error) error {
	now, err := upper.Lookup(at, name)
	// The mode of a folder may be one that it was given to be moved.
	if err == nil && (now.Same(seen) || now != nil && now.Kind == upper.Folder && seen.Kind == upper.Folder) {
		return nil
	}
	return errors.Join(ErrChanged, err, back())
}

// moved renames, and never over something else.
func moved(from *os.File, base string, to *os.File, as string) error {
	rename := func() error {
		return unix.Renameat2(int(from.Fd()), base, int(to.Fd()), as, unix.RENAME_NOREPLACE)
	}
	err := rename()
	if errors.Is(err, unix.EACCES) {
		// A folder that nobody may write goes to no other one.
		if sub, e := beneath.Open(from, base, unix.O_PATH|unix.O_DIRECTORY, 0); e == nil {
			_ = chmod(sub, owner)
			sub.Close()
		}
		err = rename()
	}
	return os.NewSyscallError("rename", err)
}

// across is for two file systems: a copy is made of what nobody finds any more.
func across(dir *os.File, base string, seen *upper.State, to *os.File, as string) error {
	hidden := besides()
	if err := moved(dir, base, dir, hidden); err != nil {
		return err
	}
	back := func() error { return moved(dir, hidden, dir, base) }
	if err := unless(seen, dir, hidden, back); err != nil {
		return err
	}
	if err := copied(dir, hidden, to, as, seen); err != nil {
		return errors.Join(err, back(), gone(to, as))
	}
	return gone(dir, hidden)
}

// gone removes what is at a name of ours.
func gone(dir *os.File, name string) error {
	err := unix.Unlinkat(int(dir.Fd()), name, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case errors.Is(err, unix.EISDIR):
		return RemoveAll("/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + name)
	}
	return os.NewSyscallError("unlink", err)
}

// besides is a name for what is on its way, in a folder of the host.
func besides() string { return ".jailed-claude-" + rand.Text() }

// PutBack puts a file or symlink in the place of what was seen in a folder of the
// host, and that into a folder of ours; otherwise all stays. seen is nil where nothing
// was.
func PutBack(dir *os.File, base string, seen, before *upper.State, content []byte, to *os.File, as string) error {
	hidden := besides()
	var err error
	if before.Kind == upper.File {
		err = beneath.Create(dir, hidden, content, before.Mode&upper.Permissions)
	} else {
		err = os.NewSyscallError("symlink", unix.Symlinkat(before.Target, int(dir.Fd()), hidden))
	}
	if err != nil {
		_ = unix.Unlinkat(int(dir.Fd()), hidden, 0)
		return err
	}
	if seen == nil {
		err = moved(dir, hidden, dir, base)
	} else {
		swap := func() error {
			return os.NewSyscallError("rename", unix.Renameat2(int(dir.Fd()), hidden, int(dir.Fd()), base, unix.RENAME_EXCHANGE))
		}
		if err = swap(); err == nil {
			if err = unless(seen, dir, hidden, swap); err == nil {
				return Out(dir, hidden, seen, to, as)
			}
		}
	}
	if err != nil {
		_ = unix.Unlinkat(int(dir.Fd()), hidden, 0)
	}
	return err
}
