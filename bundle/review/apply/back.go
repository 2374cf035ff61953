package apply

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
	"github.com/jailed-claude/jailed-claude/internal/gitindex"
	"github.com/jailed-claude/jailed-claude/internal/paths"
)

func unixNow() int64 { return time.Now().Unix() }

// errNewer: what was applied is not what the host has now.
var errNewer = errors.New("it was changed since it was applied")

// back takes one operation back, or what is left of that.
func (w *Work) back(n int, o *Op) error {
	if o.New != nil && o.New.Kind == upper.Folder && (o.Old == nil || o.Old.Kind == upper.Folder) {
		return w.folderBack(o)
	}
	before, err := w.was(w.project, o.Path, o)
	if err != nil {
		return err
	}
	if !before {
		now, err := w.applied(w.project, o.Path, o)
		if err != nil {
			return err
		}
		if !now {
			return errNewer
		}
		if err := w.old(n, o); err != nil {
			return err
		}
		if err := w.swap(n, o.Path, o.New, o.Old); err != nil {
			if errors.Is(err, errChanged) {
				err = errNewer
			}
			return err
		}
		w.step("swapped back")
		if there, err := w.applied(w.staging, slot(n), o); err != nil || !there {
			return errors.Join(errNewer, err, w.swap(n, o.Path, o.Old, o.New))
		}
	}
	w.step("checked back")
	return w.restore(n, o)
}

// old puts the version from before into the staging folder.
func (w *Work) old(n int, o *Op) error {
	if w.j.Beside == "" || o.Old == nil {
		return nil
	}
	if there, err := w.was(w.staging, slot(n), o); err != nil || there {
		return err
	}
	return w.copyIn(w.slots, slot(n), n, o.Old, o.Before)
}

// restore gives the layer back what it had. Where the layer has something newer,
// that stays.
func (w *Work) restore(n int, o *Op) error {
	now, err := upper.Stat(w.upper, o.Path)
	if err != nil {
		return err
	}
	kept, err := upper.Stat(w.slots, inLayer(n))
	if err != nil {
		return err
	}
	switch {
	case now != nil:
	case kept != nil:
		err = w.toLayer(w.slots, inLayer(n), o.Path)
	case o.New != nil && o.New.Kind != upper.Folder && !o.Made:
		if there, e := w.applied(w.staging, slot(n), o); e != nil || !there {
			return e
		}
		err = w.toLayer(w.staging, slot(n), o.Path)
	}
	if err != nil {
		return err
	}
	if there, err := w.applied(w.staging, slot(n), o); err != nil || !there || o.New == nil {
		return err
	}
	return w.remove(w.staging, slot(n))
}

// applied tells whether a path is as an operation left it, and was whether it is as the
// operation found it.
func (w *Work) applied(root *os.File, path string, o *Op) (bool, error) {
	return w.means(root, path, o.New, o.Meaning)
}

func (w *Work) was(root *os.File, path string, o *Op) (bool, error) {
	return w.means(root, path, o.Old, o.Before)
}

func (w *Work) means(root *os.File, path string, want *upper.State, meaning string) (bool, error) {
	there, err := w.has(root, path, want)
	if err != nil || there || meaning == "" {
		return there, err
	}
	const most = 1 << 30
	data, _, err := beneath.Read(root, path, most)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && Meaning(data, len(meaning)) == meaning, err
}

// Meaning is a digest of what an index says of files, but for their times, for a
// repository whose names of objects have half as many bytes as size; it has that
// size.
func Meaning(index []byte, size int) string {
	h := sha256.New()
	if err := gitindex.Write(h, index, size/2); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))[:size]
}

// folderBack removes a folder that was made, or gives it the mode that it had.
func (w *Work) folderBack(o *Op) error {
	if o.Old != nil {
		return w.folder(o, o.New, o.Old)
	}
	dir, base, err := w.parent(w.project, o.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it was not made yet
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	err = unix.Unlinkat(int(dir.Fd()), base, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTEMPTY) {
		return nil // somebody has put something into it
	}
	return os.NewSyscallError("rmdir", err)
}

// clean drops from the upper folder what is as on the host, and folders in which
// nothing is left.
func (w *Work) clean() {
	for i, p := range w.j.Take {
		if dir, base, err := w.parent(w.upper, p); err == nil {
			_ = unix.Renameat2(int(dir.Fd()), base, int(w.slots.Fd()), taken(i), unix.RENAME_NOREPLACE)
			dir.Close()
		}
	}
	for _, p := range w.j.Drop {
		if dir, base, err := w.parent(w.upper, p); err == nil {
			_ = unix.Unlinkat(int(dir.Fd()), base, 0)
			dir.Close()
		}
	}
	for _, d := range slices.Backward(w.j.Dirs) {
		if on, err := upper.Stat(w.project, d.Path); err != nil || on == nil || on.Kind != upper.Folder || on.Mode&upper.Permissions != d.Mode&upper.Permissions {
			continue
		}
		if dir, base, err := w.parent(w.upper, d.Path); err == nil {
			_ = unix.Unlinkat(int(dir.Fd()), base, unix.AT_REMOVEDIR)
			dir.Close()
		}
	}
}

func taken(i int) string { return "taken." + strconv.Itoa(i) }

// dirs makes the folders of the upper folder again.
func (w *Work) dirs() error {
	var whole []string
	for i, p := range w.j.Take {
		if now, err := upper.Stat(w.slots, taken(i)); err == nil && now != nil {
			whole = append(whole, p)
		}
	}
	for _, d := range w.j.Dirs {
		if slices.ContainsFunc(whole, func(p string) bool { return paths.Below(d.Path, p) }) {
			continue
		}
		dir, base, err := w.parent(w.upper, d.Path)
		if err != nil {
			return fmt.Errorf("the layer's folder %q: %w", d.Path, err)
		}
		err = unix.Mkdirat(int(dir.Fd()), base, d.Mode&upper.Permissions|owner)
		if err == nil {
			err = w.dressed(dir, base, d)
		}
		dir.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("the layer's folder %q: %w", d.Path, err)
		}
	}
	for i, p := range w.j.Take {
		if dir, base, err := w.parent(w.upper, p); err == nil {
			give(w.slots, taken(i), dir, base)
			dir.Close()
		}
	}
	return nil
}

// give gives back what was taken; what the layer has at its places since then stays.
func give(from *os.File, name string, to *os.File, as string) {
	if err := unix.Renameat2(int(from.Fd()), name, int(to.Fd()), as, unix.RENAME_NOREPLACE); !errors.Is(err, unix.EEXIST) {
		return
	}
	old, err := beneath.Open(from, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return // a file, or it is back
	}
	defer old.Close()
	newer, err := beneath.Open(to, as, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return
	}
	defer newer.Close()
	names, _ := old.Readdirnames(-1)
	for _, n := range names {
		give(old, n, newer, n)
	}
}

func (w *Work) dressed(dir *os.File, base string, d upper.Dir) error {
	f, err := beneath.Open(dir, base, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if d.Opaque {
		if err := unix.Fsetxattr(int(f.Fd()), upper.Prefix+"opaque", []byte("y"), 0); err != nil {
			return err
		}
	}
	return unix.Fchmod(int(f.Fd()), d.Mode&upper.Permissions|owner)
}

// unlock lets us take things out of folders of the layer that the agent closed,
// and put them back; lock closes them again.
func (w *Work) unlock() { w.layerModes(owner) }

func (w *Work) lock() { w.layerModes(0) }

func (w *Work) layerModes(more uint32) {
	for _, d := range w.j.Dirs {
		if d.Mode&owner == owner {
			continue
		}
		if f, err := beneath.Open(w.upper, d.Path, unix.O_PATH|unix.O_DIRECTORY, 0); err == nil {
			_ = chmod(f, d.Mode|more)
			f.Close()
		}
	}
}
