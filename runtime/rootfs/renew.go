package rootfs

import (
	"fmt"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Enter takes the calling thread into the mount namespace of a process. The
// thread has another root from then on: lock it to its goroutine, and never
// unlock it.
func Enter(pid int) error { return enterMounts(pid) }

// Resolve opens a path below the root of the calling thread, by no symlink.
func Resolve(place string) (int, error) {
	rel := "."
	if len(place) > 1 {
		rel = place[1:]
	}
	return unix.Openat2(unix.AT_FDCWD, rel, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// Renew mounts m on what at is, once more: a bind mount of what is there on
// itself, or a file system. Unlike at a start, others run here already, so the mount
// has its attributes before anybody sees it; that needs Linux 5.12.
//
// Preconditions: the calling thread is in the mount namespace of at (Enter).
func Renew(at int, m specs.Mount) (mount int, err error) {
	attr, data := split(m.Options)
	if m.Type != "bind" {
		if mount, err = filesystem(m, attr, data); err != nil {
			return -1, err
		}
		return mount, renewed(mount, attr, 0, at)
	}
	if mount, err = unix.OpenTree(at, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE); err != nil {
		return -1, os.NewSyscallError("open_tree", err)
	}
	return mount, renewed(mount, attr, unix.AT_RECURSIVE, at)
}

// Blank hides what at is, as Tree.Hide does, in a jail that has a /dev.
func Blank(at int) (mount int, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(at, &st); err != nil {
		return -1, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return Renew(at, specs.Mount{Type: "tmpfs", Source: "tmpfs", Options: hidden})
	}
	if mount, err = unix.OpenTree(unix.AT_FDCWD, "/dev/null", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC); err != nil {
		return -1, fmt.Errorf("/dev/null: %w", err)
	}
	return mount, renewed(mount, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, 0, at)
}

func renewed(fd int, attr uint64, recursive uint, at int) error {
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|recursive, &unix.MountAttr{Attr_set: attr}); err != nil {
		return os.NewSyscallError("mount_setattr", err)
	}
	return os.NewSyscallError("move_mount", unix.MoveMount(fd, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
}
