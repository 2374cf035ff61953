package rootfs

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// resolve opens a path of the jail, never through a symlink and never outside.
func (t *Tree) resolve(p string) (int, error) {
	root, rel := t.root, strings.TrimPrefix(p, "/")
	if inDev, ok := strings.CutPrefix(p+"/", "/dev/"); ok && t.dev != nil {
		root, rel = t.dev, strings.TrimSuffix(inDev, "/")
	}
	if rel == "" {
		rel = "."
	}
	return unix.Openat2(int(root.Fd()), rel, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// mountPoint opens what m will be mounted on and makes it where that is a file
// system of the jail's own.
func (t *Tree) mountPoint(p string, folder bool) (int, error) {
	fd, err := t.resolve(p)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	parent, err := t.mountPoint(path.Dir(p), true)
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	var st unix.Stat_t
	if err := unix.Fstat(parent, &st); err != nil {
		return -1, os.NewSyscallError("fstat", err)
	}
	if !t.own[st.Dev] {
		return -1, fmt.Errorf("%s does not exist on the host, and nothing is made there", p)
	}
	if err := makeAt(parent, path.Base(p), folder); err != nil {
		return -1, err
	}
	return unix.Openat(parent, path.Base(p), unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
}

// makeAt makes an empty folder or file to mount on.
func makeAt(dirfd int, name string, folder bool) error {
	var err error
	if folder {
		err = unix.Mkdirat(dirfd, name, 0o755)
	} else {
		err = unix.Mknodat(dirfd, name, unix.S_IFREG|0o644, 0)
	}
	if err != nil {
		return fmt.Errorf("make mount point %q: %w", name, err)
	}
	return nil
}
