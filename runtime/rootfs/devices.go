package rootfs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// bindDevice mounts a device of the host on what at is, a place of the jail.
func (t *Tree) bindDevice(name string, at int, place string) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, "/dev/"+name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("/dev/%s: %w", name, err)
	}
	defer unix.Close(fd)
	if err := attach(fd, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, 0, at, ""); err != nil {
		return fmt.Errorf("/dev/%s: %w", name, err)
	}
	return t.placed(fd, place)
}

// devices are the OCI default ones (config-linux.md, "Default Devices"); a user
// namespace cannot make nodes, so the host's are bound.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

var deviceLinks = []struct{ name, target string }{
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
	{"ptmx", "pts/ptmx"},
}

// addDevices fills /dev as the OCI specification wants every runtime to.
func (t *Tree) addDevices() error {
	dev := int(t.dev.Fd())
	for _, d := range devices {
		if err := unix.Mknodat(dev, d, unix.S_IFREG|0o666, 0); err != nil {
			return fmt.Errorf("/dev/%s: %w", d, err)
		}
		at, err := unix.Openat(dev, d, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != nil {
			return fmt.Errorf("/dev/%s: %w", d, err)
		}
		err = t.bindDevice(d, at, "/dev/"+d)
		unix.Close(at)
		if err != nil {
			return err
		}
	}
	for _, l := range deviceLinks {
		if err := unix.Symlinkat(l.target, dev, l.name); err != nil {
			return fmt.Errorf("/dev/%s: %w", l.name, err)
		}
	}
	return nil
}
