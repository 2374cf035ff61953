package layer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Dir is the folder of a layer.
type Dir string

// In is the layer of a project, in the folder that is kept for the project
// (package spec/projects); name is empty for the one that has none. It need not
// exist.
func In(projectState, name string) Dir { return Dir(contract.LayerDir(projectState, name)) }

// Named are the names of a project's other layers.
func Named(projectState string) (names []string) {
	all, _ := os.ReadDir(filepath.Join(projectState, contract.LayersFolder))
	for _, e := range all {
		if _, err := os.Stat(In(projectState, e.Name()).Upper()); err == nil {
			names = append(names, e.Name())
		}
	}
	return names
}

// CheckName refuses what is no name of a layer.
func CheckName(name string) error {
	if ok, _ := regexp.MatchString(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`, name); !ok {
		return fmt.Errorf("a layer cannot be called %q: letters, digits, \".\", \"_\" and \"-\", 64 at most, a letter or digit first", name)
	}
	return nil
}

// Git is the layer over a git directory that lies outside of the project, such
// as the common one of a worktree.
func (d Dir) Git(gitDir string) Dir { return Dir(contract.GitLayerDir(string(d), gitDir)) }

// Upper and Work are what overlayfs gets.
func (d Dir) Upper() string { return contract.LayerIn(string(d), "").Upper }

// work is next to Upper, on the same file system.
func (d Dir) work() string { return contract.LayerIn(string(d), "").Work }

// Unfinished tells whether what is in the layer was being applied, and is in part
// on the host.
func (d Dir) Unfinished() bool {
	_, err := os.Lstat(filepath.Join(string(d), journalName))
	return err == nil
}

// Interrupted is Unfinished of the layer, or of one over a git directory in it.
func (d Dir) Interrupted() bool {
	return d.Unfinished() || slices.ContainsFunc(d.gits(), Dir.Unfinished)
}

// journalName is the file that an apply keeps while it is at work (package
// bundle/review/apply).
const journalName = "apply/journal.json"

// LockName is the file in the folder that is locked.
const LockName = "lock"

// ErrBusy is returned by Lock where a jail has the layer mounted, or somebody
// changes it.
var ErrBusy = errors.New("a jail has this layer mounted, or it is being applied")

// BusyHints say what to do about ErrBusy.
var BusyHints = []string{"see which jails run: jailed-claude list", "to work beside it, in another layer: --layer NAME"}

// Make makes what is missing of the folder, for this user alone. lower is what the
// layer lies over.
func (d Dir) Make(lower string) error {
	if err := d.makeUpper(lower); err != nil {
		return err
	}
	for _, dir := range []string{d.Upper(), d.work()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the layer: %w", err)
		}
	}
	// Deletions are marked with attributes; where there are none the kernel
	// mounts all the same, and fails later.
	const probe = "user.jailed-claude"
	err := unix.Setxattr(d.work(), probe, []byte("1"), 0)
	if err == nil {
		err = unix.Removexattr(d.work(), probe)
	}
	if err != nil {
		return fmt.Errorf("the file system of %s cannot hold a layer, for it has no user attributes: %w", d, err)
	}
	f, err := os.OpenFile(filepath.Join(string(d), LockName), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("make the layer: %w", err)
	}
	return f.Close()
}

// makeUpper makes the upper folder where there is none. Inside, its own mode and
// times are those of the project.
func (d Dir) makeUpper(lower string) error {
	if _, err := os.Lstat(d.Upper()); err == nil {
		return nil
	}
	fi, err := os.Stat(lower)
	if err != nil {
		return fmt.Errorf("make the layer: %w", err)
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("make the layer: %w", err)
	}
	next := d.Upper() + ".new"
	if err := os.Mkdir(next, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the layer: %w", err)
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		_ = os.Chown(next, -1, int(st.Gid)) // a group of others cannot be given
	}
	if err := os.Chmod(next, fi.Mode()); err != nil {
		return fmt.Errorf("make the layer: %w", err)
	}
	if err := os.Chtimes(next, time.Time{}, fi.ModTime()); err != nil {
		return fmt.Errorf("make the layer: %w", err)
	}
	return os.Rename(next, d.Upper())
}

// Lock keeps others from mounting and changing the layer until the file is
// closed. It does not wait: the error is ErrBusy then.
func (d Dir) Lock() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(string(d), LockName), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("lock the layer: %w", err)
	}
	if err := Hold(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Hold is Lock of the opened file.
func Hold(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrBusy
	}
	return os.NewSyscallError("flock", err)
}

// Remove removes the layer, with all that it holds.
//
// Preconditions: the caller has the lock.
func (d Dir) Remove() error {
	// overlayfs leaves folders of mode 000 in work, and the agent may in upper.
	_ = filepath.WalkDir(string(d), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			_ = os.Chmod(p, 0o700) //nolint:gosec // the lock keeps others out
		}
		return nil // what stays is reported by who removes
	})
	return os.RemoveAll(string(d))
}
