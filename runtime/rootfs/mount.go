package rootfs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// attribute is the flag of mount_setattr(2) for an OCI option, or 0.
func attribute(option string) uint64 {
	switch option {
	case "ro", "rro":
		return unix.MOUNT_ATTR_RDONLY
	case "nosuid":
		return unix.MOUNT_ATTR_NOSUID
	case "nodev":
		return unix.MOUNT_ATTR_NODEV
	case "noexec":
		return unix.MOUNT_ATTR_NOEXEC
	case "strictatime":
		return unix.MOUNT_ATTR_STRICTATIME
	}
	return 0
}

// split separates mount attributes from the options of a file system.
func split(options []string) (attr uint64, data []string) {
	for _, o := range options {
		switch a := attribute(o); {
		case a != 0:
			attr |= a
		case o == "bind" || o == "rbind" || o == "rw" || o == "newinstance":
			// newinstance is the only way since kernel 4.7.
		default:
			data = append(data, o)
		}
	}
	return attr, data
}

func (t *Tree) bind(source int, m specs.Mount) error {
	attr, data := split(m.Options)
	if len(data) > 0 {
		return fmt.Errorf("options %q are not known", data)
	}
	var recursive uint
	if slices.Contains(m.Options, "rbind") {
		recursive = unix.AT_RECURSIVE
	}
	fd, err := unix.OpenTree(source, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|recursive)
	if err != nil {
		return os.NewSyscallError("open_tree", err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	at, err := t.mountPoint(m.Destination, st.Mode&unix.S_IFMT == unix.S_IFDIR)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	if err := attach(fd, attr, recursive, at, ""); err != nil {
		return err
	}
	return t.placed(fd, m.Destination)
}

// Hide covers a path as an OCI runtime covers maskedPaths: a file reads as
// empty, and a folder is an empty one. What does not exist is passed over.
func (t *Tree) Hide(p string) error {
	at, err := t.resolve(p)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("hide %q: %w", p, err)
	}
	defer unix.Close(at)
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = t.mountFilesystem(specs.Mount{Destination: p, Type: "tmpfs", Source: "tmpfs", Options: hidden},
			func() (int, error) { return unix.FcntlInt(uintptr(at), unix.F_DUPFD_CLOEXEC, 0) })
	} else {
		err = t.bindDevice("null", at, p)
	}
	if err != nil {
		return fmt.Errorf("hide %q: %w", p, err)
	}
	return nil
}

// hidden are the options of the file system that covers a folder.
var hidden = []string{"ro", "nosuid", "nodev", "noexec", "mode=555", "size=4k", "nr_inodes=2"}

// mountFilesystem mounts a tmpfs, devpts or layer on what point opens.
func (t *Tree) mountFilesystem(m specs.Mount, point func() (int, error)) error {
	attr, data := split(m.Options)
	var fd int
	var err error
	if l, ok := t.Layers[m.Destination]; ok && m.Type == "overlay" {
		fd, err = l.mount(attr)
	} else {
		fd, err = filesystem(m, attr, data)
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if m.Type == "tmpfs" || m.Type == "overlay" {
		if err := t.owns(fd); err != nil {
			return err
		}
	}
	if m.Type == "overlay" {
		kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("fcntl(F_DUPFD)", err)
		}
		t.layers = append(t.layers, kept)
	}
	at, err := point()
	if err != nil {
		return err
	}
	defer unix.Close(at)
	if err := unix.MoveMount(fd, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return os.NewSyscallError("move_mount", err)
	}
	return t.placed(fd, m.Destination)
}

// filesystem makes a file system that is mounted nowhere yet.
func filesystem(m specs.Mount, attr uint64, data []string) (int, error) {
	fs, err := unix.Fsopen(m.Type, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("fsopen "+m.Type, err)
	}
	defer unix.Close(fs)
	for _, o := range append(data, "source="+m.Source) {
		k, v, ok := strings.Cut(o, "=")
		if ok {
			err = unix.FsconfigSetString(fs, k, v)
		} else {
			err = unix.FsconfigSetFlag(fs, k)
		}
		if err != nil {
			return -1, fmt.Errorf("option %q: %w", o, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, os.NewSyscallError("fsconfig(create)", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, int(attr))
	return fd, os.NewSyscallError("fsmount", err)
}
