package rootfs

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Layer are the opened folders of a mount of overlayfs: what is shown, what
// holds what is written, and overlayfs's own.
type Layer struct{ Lower, Upper, Work int }

// TakeLayers are descriptors of the mounts of layers that Build made, for the
// caller to close. As long as one is open the file system is there, wherever it
// is mounted, or nowhere.
func (t *Tree) TakeLayers() []int {
	all := t.layers
	t.layers = nil
	return all
}

// mount makes the file system, mounted nowhere yet. The folders are given by
// descriptors: nobody can have put others in their place, and their names may
// hold any character.
func (l Layer) mount(attr uint64) (int, error) {
	fs, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("fsopen overlay", err)
	}
	defer unix.Close(fs)
	for _, o := range []struct {
		name string
		fd   int
	}{{"lowerdir", l.Lower}, {"upperdir", l.Upper}, {"workdir", l.Work}} {
		if err := unix.FsconfigSetString(fs, o.name, descriptor(o.fd)); err != nil {
			return -1, fmt.Errorf("option %s: %w", o.name, err)
		}
	}
	if err := unix.FsconfigSetString(fs, "source", "overlay"); err != nil {
		return -1, fmt.Errorf("option source: %w", err)
	}
	if err := unix.FsconfigSetFlag(fs, "userxattr"); err != nil {
		return -1, fmt.Errorf("option userxattr: %w", err)
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, os.NewSyscallError("fsconfig(create)", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, int(attr))
	return fd, os.NewSyscallError("fsmount", err)
}
