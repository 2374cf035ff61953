package rootfs

import (
	"fmt"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Deliver mounts in the mount namespace of a container, whose root file system
// is that of t, what has been mounted in t since the container was made.
//
// Preconditions: nothing but libcontainer and PID 1 runs in the container.
func (t *Tree) Deliver(pid int) error {
	clones := make([]int, 0, len(t.tops))
	defer func() {
		for _, fd := range clones {
			unix.Close(fd)
		}
	}()
	for _, m := range t.tops {
		if m.apart {
			fd, err := unix.FcntlInt(uintptr(m.fd), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				return os.NewSyscallError("fcntl(F_DUPFD)", err)
			}
			clones = append(clones, fd)
			continue
		}
		fd, err := unix.OpenTree(m.fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
		if err != nil {
			return fmt.Errorf("deliver %q: %w", m.place, os.NewSyscallError("open_tree", err))
		}
		clones = append(clones, fd)
	}
	done := make(chan error)
	go func() {
		// Never unlocked: the thread has another mount namespace and ends with
		// this.
		goruntime.LockOSThread()
		err := enterMounts(pid)
		for i := 0; err == nil && i < len(clones); i++ {
			if err = mountAt(clones[i], t.tops[i].place); err != nil {
				err = fmt.Errorf("deliver %q: %w", t.tops[i].place, err)
			}
		}
		done <- err
	}()
	return <-done
}

// enterMounts takes the calling thread into the mount namespace of a process,
// where its root is then the root.
func enterMounts(pid int) error {
	// A thread that shares its root with others cannot change it (setns(2)).
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return os.NewSyscallError("unshare(CLONE_FS)", err)
	}
	ns, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("mount namespace of the container: %w", err)
	}
	defer unix.Close(ns)
	return os.NewSyscallError("setns", unix.Setns(ns, unix.CLONE_NEWNS))
}

// mountAt moves a detached mount to a place of this thread's root, which is there.
func mountAt(fd int, place string) error {
	at, err := unix.Openat2(unix.AT_FDCWD, strings.TrimPrefix(place, "/"), &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return os.NewSyscallError("move_mount", unix.MoveMount(fd, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
}
