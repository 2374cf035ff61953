package hook

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// trust mounts files over those of the container. They are in no folder of the
// host: they end with the container's mount namespace. Those that the container
// does not have are left out, but for the certificates, which all programs need.
//
// Preconditions: in the namespaces of the container, whose mounts are there,
// with the host's root.
func trust(s *specs.State, files map[string][]byte) error {
	c, err := bundleOf(s)
	if err != nil {
		return err
	}
	if c.Root == nil {
		return errors.New("the bundle has no root")
	}
	root := c.Root.Path
	if !filepath.IsAbs(root) {
		root = filepath.Join(s.Bundle, root)
	}
	// What is covered, before anything is: /tmp is for a moment.
	over := map[string]int{}
	defer func() {
		for _, fd := range over {
			unix.Close(fd)
		}
	}()
	for p := range files {
		at, err := openBelow(root, p)
		switch {
		case err == nil:
			over[p] = at
		case p == contract.CertsPath || !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	made, err := memoryFiles(root, over, files)
	for p, file := range made {
		if err == nil {
			err = os.NewSyscallError("move_mount", unix.MoveMount(file, "", over[p], "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
		}
		unix.Close(file)
	}
	return err
}

// memoryFiles are mounts, nowhere yet, of files that a tmpfs of their own holds:
// those of files whose paths are in wanted. Before kernel 6.15 a file can be taken
// only from a file system that is mounted somewhere: for that moment it is on the
// container's /tmp. The caller closes what is returned with an error, too.
func memoryFiles(root string, wanted map[string]int, files map[string][]byte) (made map[string]int, err error) {
	at, err := openBelow(root, "/tmp")
	if err != nil {
		return nil, err
	}
	defer unix.Close(at)
	place := fmt.Sprintf("/proc/self/fd/%d", at)
	if err := unix.Mount("tmpfs", place, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700"); err != nil {
		return nil, os.NewSyscallError("mount a tmpfs", err)
	}
	// at is what lies below the tmpfs.
	on, err := openBelow(root, "/tmp")
	if err != nil {
		return nil, errors.Join(err, unix.Unmount(filepath.Join(root, "tmp"), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW))
	}
	defer unix.Close(on)
	place = fmt.Sprintf("/proc/self/fd/%d", on)
	made = map[string]int{}
	for p := range wanted {
		fd, failed := clone(filepath.Join(place, strconv.Itoa(len(made))), files[p])
		if failed != nil {
			err = failed
			break
		}
		made[p] = fd
	}
	return made, errors.Join(err, os.NewSyscallError("umount", unix.Unmount(place, unix.MNT_DETACH)))
}

// clone writes a file and returns a read-only mount of it.
func clone(name string, content []byte) (int, error) {
	if err := os.WriteFile(name, content, 0o444); err != nil { //nolint:gosec // certificates that every program in the jail reads
		return -1, err
	}
	if err := os.Chmod(name, 0o444); err != nil { // whatever the umask is
		return -1, err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("open_tree", err)
	}
	const attr = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: attr}); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("mount_setattr", err)
	}
	return fd, nil
}

// openBelow opens a path of the container's rootfs, which no symlink leads out of.
func openBelow(root, path string) (int, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: root, Err: err}
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, strings.TrimPrefix(path, "/"), &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: filepath.Join(root, path), Err: err}
	}
	return fd, nil
}
