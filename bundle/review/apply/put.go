package apply

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle/review/upper"
	"github.com/jailed-claude/jailed-claude/internal/beneath"
)

// put carries out one operation, or what is left of it.
func (w *Work) put(n int, o *Op) error {
	if o.New != nil && o.New.Kind == upper.Folder && (o.Old == nil || o.Old.Kind == upper.Folder) {
		return w.folder(o, o.Old, o.New)
	}
	before, err := w.was(w.project, o.Path, o)
	if err != nil {
		return err
	}
	if !before {
		there, err := w.applied(w.project, o.Path, o)
		if err != nil {
			return err
		}
		if !there {
			return errors.Join(errChanged, w.unstaged(n, o))
		}
	} else {
		if err := w.staged(n, o); err != nil {
			return errors.Join(err, w.unstaged(n, o))
		}
		w.step("staged")
		if err := w.swap(n, o.Path, o.Old, o.New); err != nil {
			return errors.Join(err, w.unstaged(n, o))
		}
		w.step("swapped")
	}
	// What came out must be what was expected, or it goes back.
	if there, err := w.was(w.staging, slot(n), o); err != nil || !there {
		kept, keptErr := w.was(w.slots, slot(n), o) // by an apply that was ended
		if keptErr != nil || !kept || w.j.Beside == "" {
			in, statErr := upper.Stat(w.staging, slot(n))
			if statErr != nil || in == nil && o.New != nil {
				return errors.Join(errors.New("the version that it replaced is not where it was put"), statErr)
			}
			back := w.swap(n, o.Path, o.New, nil)
			return errors.Join(errChanged, err, back, w.unstaged(n, o))
		}
	}
	w.step("checked")
	if err := w.keep(n, o.Old); err != nil {
		return err
	}
	w.step("kept")
	return w.retire(n, o)
}

// owner are the permissions that it takes to change what is in a folder.
const owner = 0o700

// modes gives folders that their owner may not write the modes that they have in
// the layer, when all is in them.
func (w *Work) modes() {
	for _, o := range slices.Backward(w.j.Ops) {
		if o.New != nil && o.New.Kind == upper.Folder && o.New.Mode&owner != owner {
			_ = w.chmod(o.Path, o.New.Mode)
		}
	}
}

// writable is the reverse, before it is taken back.
func (w *Work) writable() {
	for _, o := range w.j.Ops {
		if o.New != nil && o.New.Kind == upper.Folder && o.New.Mode&owner != owner {
			_ = w.chmod(o.Path, o.New.Mode|owner)
		}
	}
}

// closed finds the folders of Journal.Closed. Those that get another mode are opened and
// closed with that.
func (w *Work) closed() (all []upper.Dir) {
	seen := map[string]bool{}
	for _, o := range w.j.Ops {
		if o.New != nil && o.New.Kind == upper.Folder {
			seen[o.Path] = true
		}
	}
	note := func(path string, now *upper.State) {
		if now != nil && now.Kind == upper.Folder && now.Mode&owner != owner {
			all = append(all, upper.Dir{Path: path, Mode: now.Mode})
		}
	}
	for _, o := range w.j.Ops {
		if d := path.Dir(o.Path); d != "." && !seen[d] {
			seen[d] = true
			if now, err := upper.Stat(w.project, d); err == nil {
				note(d, now)
			}
		}
		if !seen[o.Path] {
			note(o.Path, o.Old) // it is moved, which changes what is in it
		}
	}
	return all
}

// hostModes opens the folders of Journal.Closed, or closes them.
func (w *Work) hostModes(more uint32) {
	for _, d := range w.j.Closed {
		_ = w.chmod(d.Path, d.Mode|more)
	}
}

func (w *Work) chmod(path string, mode uint32) error {
	d, err := beneath.Open(w.project, path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	return chmod(d, mode)
}

// chmod changes the permissions of a folder. An O_PATH descriptor has no
// fchmod(2). The set-group-ID bit is the host's.
func chmod(d *os.File, mode uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err != nil {
		return err
	}
	return unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", d.Fd()), mode&upper.Permissions|st.Mode&unix.S_ISGID)
}

// folder makes a folder, or gives it its mode. What is in it comes later.
func (w *Work) folder(o *Op, old, want *upper.State) error {
	dir, base, err := w.parent(w.project, o.Path)
	if err != nil {
		return err
	}
	defer dir.Close()
	// What is in it could not be made otherwise; modes does the rest.
	mode := want.Mode&upper.Permissions | owner
	err = unix.Mkdirat(int(dir.Fd()), base, mode)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return &os.PathError{Op: "mkdir", Path: o.Path, Err: err}
	}
	made := err == nil
	d, err := beneath.Open(dir, base, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err != nil {
		return err
	}
	now := st.Mode & upper.Permissions
	switch {
	case now == mode:
		return nil
	case !made && old != nil && now&^owner != old.Mode&upper.Permissions&^owner:
		return errChanged
	case !made && old == nil && w.j.Back:
		return nil
	}
	if err := chmod(d, mode); err != nil {
		return &os.PathError{Op: "chmod", Path: o.Path, Err: err}
	}
	return nil
}

// parent opens the folder of a path.
func (w *Work) parent(root *os.File, path string) (*os.File, string, error) {
	return upper.Parent(root, path)
}

// has tells whether a path is in a state. What has the inode, size and mtime of
// the reviewed file was not written since; otherwise its content is read.
func (w *Work) has(root *os.File, path string, want *upper.State) (bool, error) {
	now, err := upper.Stat(root, path)
	if err != nil {
		return false, err
	}
	switch {
	case now == nil || want == nil:
		return now == nil && want == nil, nil
	case now.Kind != want.Kind:
		return false, nil
	case want.Kind == upper.Folder && want.Digest == "":
		return true, nil
	case want.Kind == upper.Folder:
		digest, _, err := upper.Tree(root, path, nil)
		return err == nil && digest == want.Digest, err
	case want.Kind == upper.File && now.Mode&upper.Permissions != want.Mode&upper.Permissions:
		return false, nil
	case now.Inode == want.Inode && now.Size == want.Size && now.Modified == want.Modified:
		return true, nil
	}
	now, err = upper.Lookup(root, path)
	return err == nil && now.Same(want), err
}

// staged puts the new version into the staging folder.
func (w *Work) staged(n int, o *Op) error {
	if o.New == nil {
		return nil
	}
	if there, err := w.has(w.staging, slot(n), o.New); err != nil || there {
		return err
	}
	if err := w.remove(w.staging, slot(n)); err != nil {
		return err
	}
	if o.New.Kind == upper.Folder {
		return copied(nil, "", w.staging, slot(n), &upper.State{Kind: upper.Folder, Mode: o.New.Mode | owner})
	}
	from, name := w.upper, o.Path
	if o.Made {
		from, name = w.slots, made(n)
	}
	dir, base, err := w.parent(from, name)
	if err != nil {
		return err
	}
	defer dir.Close()
	same, err := w.has(dir, base, o.New)
	if err != nil {
		return err
	}
	if !same {
		return errors.New("the layer's version changed since it was reviewed")
	}
	now, err := upper.Stat(dir, base)
	if err != nil {
		return err
	}
	// A file with a second name would be the layer's and the host's at once.
	if o.Made || w.j.Beside != "" || now.Links > 1 {
		return w.copyIn(dir, base, n, o.New, "")
	}
	if err := bare(dir, base, o.New); err != nil {
		return err
	}
	return os.NewSyscallError("rename", unix.Renameat2(int(dir.Fd()), base, int(w.staging.Fd()), slot(n), unix.RENAME_NOREPLACE))
}

// copyIn copies a file into the staging folder, whole or not at all.
func (w *Work) copyIn(dir *os.File, base string, n int, want *upper.State, meaning string) error {
	temporary := slot(n) + ".part"
	if err := w.remove(w.staging, temporary); err != nil {
		return err
	}
	if err := copied(dir, base, w.staging, temporary, want); err != nil {
		return errors.Join(err, w.remove(w.staging, temporary))
	}
	if same, err := w.means(w.staging, temporary, want, meaning); err != nil || !same {
		return errors.Join(errors.New("the layer's version changed since it was reviewed"), err, w.remove(w.staging, temporary))
	}
	return os.NewSyscallError("rename", unix.Renameat(int(w.staging.Fd()), temporary, int(w.staging.Fd()), slot(n)))
}

// swap exchanges what is in the slot with what the project has. With have the
// project has something; with want the slot has.
func (w *Work) swap(n int, path string, have, want *upper.State) error {
	dir, base, err := w.parent(w.project, path)
	if err != nil {
		return err
	}
	defer dir.Close()
	in, _ := upper.Stat(w.staging, slot(n))
	a, b := int(w.staging.Fd()), int(dir.Fd())
	switch {
	case have != nil && (want != nil || in != nil):
		err = unix.Renameat2(a, slot(n), b, base, unix.RENAME_EXCHANGE)
	case have != nil:
		err = unix.Renameat2(b, base, a, slot(n), unix.RENAME_NOREPLACE)
	default:
		err = unix.Renameat2(a, slot(n), b, base, unix.RENAME_NOREPLACE)
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EEXIST) {
		return errChanged
	}
	return os.NewSyscallError("rename", err)
}

// unstaged gives a version that does not go over back to the layer.
func (w *Work) unstaged(n int, o *Op) error {
	if there, err := w.has(w.staging, slot(n), o.New); err != nil || !there || o.New == nil {
		return err
	}
	if !o.Made && o.New.Kind != upper.Folder {
		if now, err := upper.Stat(w.upper, o.Path); err != nil {
			return err
		} else if now == nil {
			return w.toLayer(w.staging, slot(n), o.Path)
		}
	}
	return w.remove(w.staging, slot(n))
}

// toLayer moves a file to its place in the upper folder, if that is free.
func (w *Work) toLayer(from *os.File, name, path string) error {
	dir, base, err := w.parent(w.upper, path)
	if err != nil {
		return err
	}
	defer dir.Close()
	err = unix.Renameat2(int(from.Fd()), name, int(dir.Fd()), base, unix.RENAME_NOREPLACE)
	if !errors.Is(err, unix.EXDEV) {
		return os.NewSyscallError("rename", err)
	}
	now, err := upper.Stat(from, name)
	if err != nil || now == nil {
		return err
	}
	if err := copied(from, name, dir, base, now); err != nil {
		return err
	}
	return w.remove(from, name)
}

// keep has the old version in the layer, for an undo.
func (w *Work) keep(n int, old *upper.State) error {
	if w.j.Beside == "" {
		return nil
	}
	now, err := upper.Stat(w.staging, slot(n))
	if err != nil || now == nil {
		return err
	}
	temporary := slot(n) + ".part"
	if err := w.remove(w.slots, temporary); err != nil {
		return err
	}
	if err := copied(w.staging, slot(n), w.slots, temporary, old); err != nil {
		return errors.Join(err, w.remove(w.slots, temporary))
	}
	if err := w.remove(w.slots, slot(n)); err != nil {
		return err
	}
	if err := unix.Renameat(int(w.slots.Fd()), temporary, int(w.slots.Fd()), slot(n)); err != nil {
		return os.NewSyscallError("rename", err)
	}
	return w.remove(w.staging, slot(n))
}

// retire takes out of the upper folder what is now on the host.
func (w *Work) retire(n int, o *Op) error {
	now, err := upper.Stat(w.upper, o.Path)
	if err != nil || now == nil || now.Kind == upper.Folder || o.Stay {
		return err
	}
	dir, base, err := w.parent(w.upper, o.Path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return os.NewSyscallError("rename", unix.Renameat(int(dir.Fd()), base, int(w.slots.Fd()), inLayer(n)))
}
