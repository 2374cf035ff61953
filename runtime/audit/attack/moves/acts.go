package moves

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// The functions of this file are what programs of the host do with the file at p.

func byRename(suffix string) func(*Stage, string) error {
	return func(s *Stage, p string) error {
		if err := write(s, p+suffix); err != nil {
			return err
		}
		return os.Rename(p+suffix, p)
	}
}

func again(after time.Duration) func(*Stage, string) error {
	return func(s *Stage, p string) error {
		if err := os.Remove(p); err != nil {
			return err
		}
		time.Sleep(after)
		return write(s, p)
	}
}

func backup(s *Stage, p string) error {
	if err := os.Rename(p, p+"~"); err != nil {
		return err
	}
	if err := write(s, p); err != nil {
		return err
	}
	return os.Remove(p + "~")
}

func byLink(s *Stage, p string) error {
	if err := write(s, p+".new"); err != nil {
		return err
	}
	if err := os.Remove(p); err != nil {
		return err
	}
	if err := os.Link(p+".new", p); err != nil {
		return err
	}
	return os.Remove(p + ".new")
}

func exchange(s *Stage, p string) error {
	if err := write(s, p+".new"); err != nil {
		return err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, p+".new", unix.AT_FDCWD, p, unix.RENAME_EXCHANGE); err != nil {
		return os.NewSyscallError("renameat2", err)
	}
	return os.Remove(p + ".new")
}

// moment is long enough for the jail to see what is there in between.
const moment = 50 * time.Millisecond

func awayAndBack(_ *Stage, p string) error {
	if err := os.Rename(p, p+".away"); err != nil {
		return err
	}
	time.Sleep(moment)
	return os.Rename(p+".away", p)
}

func linkForAMoment(s *Stage, p string) error {
	if err := os.Symlink("nowhere", p+".link"); err != nil {
		return err
	}
	if err := os.Rename(p+".link", p); err != nil {
		return err
	}
	time.Sleep(moment)
	return byRename(".new")(s, p)
}

func often(n int) func(*Stage, string) error {
	return func(s *Stage, p string) error {
		for range n {
			if err := byRename(".tmp")(s, p); err != nil {
				return err
			}
		}
		return nil
	}
}

// onFolder does to the folder of a path what is done to the path otherwise.
func onFolder(do func(*Stage, string) error) func(*Stage, string) error {
	return func(s *Stage, p string) error { return do(s, filepath.Dir(p)) }
}

func folderAgain(s *Stage, p string) error {
	if err := os.RemoveAll(filepath.Dir(p)); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	return write(s, p)
}

func folderCopied(_ *Stage, p string) error { return copied(filepath.Dir(p)) }

// copied has a copy in the place of a folder.
func copied(dir string) error {
	old := dir + ".old"
	if err := os.Rename(dir, old); err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(old)); err != nil {
		return err
	}
	return os.RemoveAll(old)
}

func folderExchanged(_ *Stage, p string) error {
	dir := filepath.Dir(p)
	other := dir + ".new"
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		return err
	}
	if err := unix.Renameat2(unix.AT_FDCWD, other, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE); err != nil {
		return os.NewSyscallError("renameat2", err)
	}
	return os.RemoveAll(other)
}

func socketAgain(s *Stage, p string) error {
	if err := os.Remove(p); err != nil {
		return err
	}
	return socket(s, p)
}
