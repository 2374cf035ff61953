package rootfs

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// inStore: a single store path. The store is special only in its number of
// mounts: they are bound one by one under one folder.
func inStore(m specs.Mount) bool {
	return m.Type == "bind" && m.Source == m.Destination && path.Dir(m.Source) == storepath.Dir
}

// bindStore mounts consecutive store paths with the same options. It is the loop
// that a closure of hundreds of paths spends its time in, so it resolves
// neither side anew, and sets no attributes: a clone has those of the mount
// that it is cloned from, which is a view of the host's store for this alone.
func (t *Tree) bindStore(mounts []specs.Mount) error {
	view := filepath.Join(t.Dir, "store")
	host, err := storeView(mounts[0].Options, view)
	if err != nil {
		return err
	}
	defer unix.Close(host)
	points, err := t.mountPoint(storepath.Dir, true)
	if err != nil {
		return err
	}
	defer unix.Close(points)
	jail, err := t.storeRoot(points)
	if err != nil {
		return err
	}
	defer unix.Close(jail)
	made := makeStorePoints(points, mounts)
	defer func() {
		// points is not closed while it uses it.
		for range made {
		}
	}()
	for chunk := range slices.Chunk(mounts, storeChunk) {
		if err := <-made; err != nil {
			return err
		}
		for _, m := range chunk {
			if err := bindStorePath(host, jail, points, path.Base(m.Source)); err != nil {
				return sourceError(m.Source, err)
			}
		}
	}
	if err := unix.Unmount(view, unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount "+view, err)
	}
	return os.Remove(view)
}

// storeRoot mounts the folder that holds the mounts of store paths on itself,
// read-only, so that they can be moved together. points is that folder. If the
// tree may be apart, and the kernel can mount on what is mounted nowhere, that
// is what it stays: nothing has to be cloned then, nor unmounted.
func (t *Tree) storeRoot(points int) (int, error) {
	for _, m := range t.tops {
		if m.place == storepath.Dir {
			return unix.FcntlInt(uintptr(m.fd), unix.F_DUPFD_CLOEXEC, 0)
		}
	}
	fd, err := unix.OpenTree(points, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return -1, os.NewSyscallError("open_tree", err)
	}
	const attr = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	apart := t.apart && mountsOnDetached(points) &&
		unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: attr}) == nil
	if !apart {
		err = attach(fd, attr, 0, points, "")
	}
	if err == nil {
		err = t.placed(fd, storepath.Dir)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	t.tops[len(t.tops)-1].apart = apart
	return fd, nil
}

// mountsOnDetached tries whether the kernel can mount on a mount that is in no
// mount namespace (since 6.15). dir is a folder.
func mountsOnDetached(dir int) bool {
	clone := func() int {
		fd, err := unix.OpenTree(dir, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
		if err != nil {
			return -1
		}
		return fd
	}
	a, b := clone(), clone()
	defer unix.Close(a)
	defer unix.Close(b)
	return unix.MoveMount(b, "", a, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH) == nil
}

// storeView mounts the host's store on a new folder, with options.
func storeView(options []string, view string) (int, error) {
	attr, data := split(options)
	if len(data) > 0 {
		return -1, fmt.Errorf("options %q are not known", data)
	}
	if err := os.Mkdir(view, 0o700); err != nil {
		return -1, err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, storepath.Dir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return -1, os.NewSyscallError("open_tree "+storepath.Dir, err)
	}
	if err := attach(fd, attr, unix.AT_RECURSIVE, unix.AT_FDCWD, view); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// storeChunk is how many mount points are made between two messages.
const storeChunk = 16

// makeStorePoints makes what store paths are mounted on, beside what mounts
// them: each is half of the work. It sends one value for each chunk, and closes
// the channel when it is done. All are folders, as nearly all store paths are.
func makeStorePoints(points int, mounts []specs.Mount) <-chan error {
	made := make(chan error, len(mounts)/storeChunk+1)
	go func() {
		defer close(made)
		for chunk := range slices.Chunk(mounts, storeChunk) {
			for _, m := range chunk {
				if err := makeAt(points, path.Base(m.Source), true); err != nil && !errors.Is(err, unix.EEXIST) {
					made <- err
					return
				}
			}
			made <- nil
		}
	}()
	return made
}

func bindStorePath(host, jail, points int, name string) error {
	fd, err := unix.OpenTree(host, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return os.NewSyscallError("open_tree", err)
	}
	defer unix.Close(fd)
	move := func() error { return unix.MoveMount(fd, "", jail, name, unix.MOVE_MOUNT_F_EMPTY_PATH) }
	if err = move(); err == nil {
		return nil
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		// A file goes on a file.
		if err := unix.Unlinkat(points, name, unix.AT_REMOVEDIR); err != nil {
			return os.NewSyscallError("rmdir", err)
		}
		if err := makeAt(points, name, false); err != nil {
			return err
		}
		err = move()
	}
	return os.NewSyscallError("move_mount", err)
}
