package rootfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/mountinfo"
)

// attach moves a detached mount to a place and gives it attributes: before it
// is there where the kernel can, and right after where it is older than 5.12.
// Nothing runs in the jail yet that could use the time between.
func attach(fd int, attr uint64, recursive uint, dirfd int, name string) error {
	err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|recursive, &unix.MountAttr{Attr_set: attr})
	old := errors.Is(err, unix.ENOSYS)
	if err != nil && !old {
		return os.NewSyscallError("mount_setattr", err)
	}
	flags := unix.MOVE_MOUNT_F_EMPTY_PATH
	if name == "" {
		flags |= unix.MOVE_MOUNT_T_EMPTY_PATH
	}
	if err := unix.MoveMount(fd, "", dirfd, name, flags); err != nil {
		return os.NewSyscallError("move_mount", err)
	}
	if old {
		return remount(fd, attr, recursive != 0)
	}
	return nil
}

// remount adds attributes to an attached mount, and to all below it, one by one
// with mount(2). What cannot be changed is an error: inspect looks at the
// mounts of the configuration, not at those that came along below one.
func remount(fd int, attr uint64, recursive bool) error {
	if err := remountOne(fd, attr); err != nil || !recursive {
		return err
	}
	root, err := os.Readlink(descriptor(fd))
	if err != nil {
		return err
	}
	all, err := mountinfo.Read("/proc/self/mountinfo", 0)
	if err != nil {
		return err
	}
	for place := range all {
		if !strings.HasPrefix(place, strings.TrimSuffix(root, "/")+"/") {
			continue
		}
		below, err := unix.Openat2(unix.AT_FDCWD, place, &unix.OpenHow{
			Flags:   unix.O_PATH | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
		})
		if err == nil {
			err = remountOne(below, attr)
			unix.Close(below)
		}
		if err != nil {
			return fmt.Errorf("%q below it: %w", place, err)
		}
	}
	return nil
}

// mountFlags are the flags of mount(2) by those of statfs(2) and by the
// attributes of mount_setattr(2).
var mountFlags = []struct{ statfs, attr, mount uint64 }{
	{unix.ST_RDONLY, unix.MOUNT_ATTR_RDONLY, unix.MS_RDONLY},
	{unix.ST_NOSUID, unix.MOUNT_ATTR_NOSUID, unix.MS_NOSUID},
	{unix.ST_NODEV, unix.MOUNT_ATTR_NODEV, unix.MS_NODEV},
	{unix.ST_NOEXEC, unix.MOUNT_ATTR_NOEXEC, unix.MS_NOEXEC},
	{unix.ST_NOATIME, unix.MOUNT_ATTR_NOATIME, unix.MS_NOATIME},
	{unix.ST_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME, unix.MS_NODIRATIME},
	{unix.ST_RELATIME, 0, unix.MS_RELATIME},
}

// remountOne adds attributes to those that a mount has: a remount sets all, and
// a user namespace may take none away that came from outside.
func remountOne(fd int, attr uint64) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	flags := uint64(unix.MS_REMOUNT | unix.MS_BIND)
	for _, f := range mountFlags {
		if uint64(st.Flags)&f.statfs != 0 || attr&f.attr != 0 {
			flags |= f.mount
		}
	}
	if flags&(unix.MS_NOATIME|unix.MS_RELATIME) == 0 {
		flags |= unix.MS_STRICTATIME
	}
	return os.NewSyscallError("remount", unix.Mount("", descriptor(fd), "", uintptr(flags), ""))
}

func descriptor(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// readOnlyCgroups makes a place read-only with all that is mounted below it. It
// need not exist (ENOENT) or be a mount (EINVAL).
func readOnlyCgroups(place string) error {
	err := unix.MountSetattr(unix.AT_FDCWD, place, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	if errors.Is(err, unix.ENOSYS) {
		var fd int
		if fd, err = unix.Open(place, unix.O_PATH|unix.O_CLOEXEC, 0); err == nil {
			err = remount(fd, unix.MOUNT_ATTR_RDONLY, true)
			unix.Close(fd)
		}
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
		return nil
	}
	return err
}
