package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// WorkDir is where this mount namespace gets a tmpfs of its own for the rootfs.
// Every host has the folder, and what lies below it stays reachable by Host.
const WorkDir = "/tmp"

// Host leads to what this mount namespace no longer shows as the host does.
type Host struct {
	// tmp is the folder below the tmpfs, and place its path without symlinks.
	tmp   int
	place string
	// cgroups is /sys/fs/cgroup before it was made read-only, a mount of its
	// own that is nowhere; -1 where there is none.
	cgroups int
}

// cgroupRoot is where cgroup file systems are mounted (cgroups(7)).
const cgroupRoot = "/sys/fs/cgroup"

// Cover gives this mount namespace a tmpfs of its own, and a view that nothing
// on the host sees or changes. libcontainer would make cgroups where it may,
// and a supervisor that is killed would leave them: here all cgroup file
// systems are read-only, which it takes for a rootless user's lack of
// permission. Limits are set by others, through Cgroup.
//
// Preconditions: no mount is shared with another mount namespace.
func Cover() (*Host, error) {
	var err error
	c := new(Host)
	if c.cgroups, err = unix.OpenTree(unix.AT_FDCWD, cgroupRoot, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE); err != nil {
		c.cgroups = -1
	}
	if err := readOnlyCgroups(cgroupRoot); err != nil {
		return nil, fmt.Errorf("make cgroups read-only: %w", err)
	}
	if c.tmp, err = unix.Open(WorkDir, unix.O_PATH|unix.O_CLOEXEC, 0); err != nil {
		return nil, &os.PathError{Op: "open", Path: WorkDir, Err: err}
	}
	if c.place, err = os.Readlink(descriptor(c.tmp)); err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", WorkDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700"); err != nil {
		return nil, fmt.Errorf("mount a tmpfs on %s: %w", WorkDir, err)
	}
	return c, nil
}

// source opens a path of the host for a bind mount. It must not lead through a
// symlink: paths were resolved when the jail was planned, so a symlink is a
// change made since then, by whoever may write the folder.
func (c *Host) source(p string) (int, error) {
	how := &unix.OpenHow{
		// Not O_NOFOLLOW: with O_PATH that opens a symlink itself.
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	if c != nil {
		if rel, ok := strings.CutPrefix(p+"/", c.place+"/"); ok {
			return unix.Openat2(c.tmp, filepath.Clean("./"+rel), how)
		}
	}
	return unix.Openat2(unix.AT_FDCWD, p, how)
}

// Open opens a path of the host, by no symlink.
func (c *Host) Open(p string) (int, error) {
	fd, err := c.source(p)
	if err != nil {
		return -1, sourceError(p, err)
	}
	return fd, nil
}

// ReadFile reads a file of the host, by no symlink.
func (c *Host) ReadFile(p string) ([]byte, error) {
	fd, err := c.Open(p)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return os.ReadFile(descriptor(fd))
}

// Cgroup opens a folder of a cgroup file system so that it can be written.
func (c *Host) Cgroup(dir string) (int, error) {
	at, rel := unix.AT_FDCWD, dir
	if below, ok := strings.CutPrefix(dir, cgroupRoot+"/"); ok && c.cgroups >= 0 {
		at, rel = c.cgroups, below
	}
	return unix.Openat(at, rel, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// Leave gives the tmpfs up, and what else is covered.
func (c *Host) Leave() error {
	if c.cgroups >= 0 {
		unix.Close(c.cgroups)
	}
	unix.Close(c.tmp)
	return os.NewSyscallError("umount "+WorkDir, unix.Unmount(WorkDir, unix.MNT_DETACH))
}
