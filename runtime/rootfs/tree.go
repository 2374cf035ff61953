package rootfs

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
)

// Tree is a rootfs, and the mounts of a configuration below it.
type Tree struct {
	// Dir holds the folders rootfs and dev.
	Dir string
	// Place is where the rootfs is mounted.
	Place string
	// Layers are the folders of the layers that Build mounts, by destination.
	Layers map[string]Layer
	// layers are descriptors of those mounts.
	layers []int
	// root is that mount.
	root *os.File
	// dev is where /dev is built, beside the rootfs: libcontainer leaves /dev
	// alone only if it binds it itself.
	dev *os.File
	// own are the devices of file systems that only this jail has. Mount
	// points are created on those alone, never in a folder of the host.
	own map[uint64]bool
	// tops are the mounts on the rootfs itself, in the order in which they
	// were made. All others lie below one of them.
	tops []top
	// apart: store paths need not be below the rootfs before they are
	// delivered.
	apart bool
}

// top is a mount, by a descriptor of its root, and its place. One that is apart
// is in no mount namespace, with all that lies below it.
type top struct {
	fd    int
	place string
	apart bool
}

// rootfsName is the folder below Dir that holds the files of the rootfs.
const rootfsName = "rootfs"

// New makes an empty rootfs in dir, which does not exist yet.
func New(dir string) (*Tree, error) {
	t := &Tree{Dir: dir, Place: filepath.Join(dir, rootfsName), own: map[uint64]bool{}}
	for _, d := range []string{dir, t.Place, t.devDir()} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return nil, err
		}
	}
	var err error
	if t.root, err = openFolder(t.Place); err != nil {
		return nil, err
	}
	if err := t.owns(int(t.root.Fd())); err != nil {
		return nil, err
	}
	// The rootfs needs a folder to bind /dev on.
	return t, makeAt(int(t.root.Fd()), "dev", true)
}

// Copy is the same rootfs mounted once more. What is mounted there is not in a
// container that is being made of t, however far that has come.
func (t *Tree) Copy() (*Tree, error) {
	a := &Tree{Dir: t.Dir, Place: filepath.Join(t.Dir, "again"), own: maps.Clone(t.own), apart: true}
	if err := os.Mkdir(a.Place, 0o755); err != nil {
		return nil, err
	}
	fd, err := unix.OpenTree(int(t.root.Fd()), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return nil, os.NewSyscallError("open_tree", err)
	}
	a.root = os.NewFile(uintptr(fd), a.Place)
	err = unix.MoveMount(fd, "", unix.AT_FDCWD, a.Place, unix.MOVE_MOUNT_F_EMPTY_PATH)
	return a, os.NewSyscallError("move_mount", err)
}

func (t *Tree) devDir() string { return filepath.Join(t.Dir, "dev") }

func openFolder(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), dir), nil
}

// Close closes what is still open of the tree.
func (t *Tree) Close() {
	for _, f := range []**os.File{&t.root, &t.dev} {
		if *f != nil {
			(*f).Close()
			*f = nil
		}
	}
	for _, m := range t.tops {
		unix.Close(m.fd)
	}
	for _, fd := range t.layers {
		unix.Close(fd)
	}
	t.tops, t.layers = nil, nil
}

// Rest are the mounts that are left to libcontainer: they need the
// container's own namespaces.
func (t *Tree) Rest(mounts []specs.Mount) (rest []specs.Mount) {
	for _, m := range mounts {
		switch {
		case m.Type == "proc":
			rest = append(rest, m)
		case m.Destination == "/dev":
			rest = append(rest, specs.Mount{Destination: "/dev", Type: "bind", Source: t.devDir(), Options: []string{"rbind"}})
		}
	}
	return rest
}

// Build makes those mounts of a configuration for which want is true, but for
// what is left to libcontainer.
func (t *Tree) Build(mounts []specs.Mount, s Sources, want func(specs.Mount) bool) (err error) {
	// What lies in a store path has to be found by its place.
	t.apart = t.apart && !slices.ContainsFunc(mounts, func(m specs.Mount) bool {
		return strings.HasPrefix(m.Destination, storepath.Dir+"/") && !inStore(m)
	})
	for i := 0; i < len(mounts); i++ {
		m := mounts[i]
		switch {
		case !want(m), m.Type == "proc":
		case inStore(m):
			n := 1
			for i+n < len(mounts) && inStore(mounts[i+n]) && slices.Equal(mounts[i+n].Options, m.Options) {
				n++
			}
			err = t.bindStore(mounts[i : i+n])
			i += n - 1
		case m.Type == "bind":
			err = t.bind(s[i], m)
		case m.Destination == "/dev":
			if err = t.mountFilesystem(m, func() (int, error) { return unix.Open(t.devDir(), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) }); err == nil {
				if t.dev, err = openFolder(t.devDir()); err == nil {
					err = t.addDevices()
				}
			}
		default:
			err = t.mountFilesystem(m, func() (int, error) { return t.mountPoint(m.Destination, true) })
		}
		if err != nil {
			return fmt.Errorf("mount %q: %w", m.Destination, err)
		}
	}
	return nil
}

// placed notes that fd is the root of what was just mounted on a place. What is
// not on the rootfs itself goes wherever the mount goes that it is on.
func (t *Tree) placed(fd int, place string) error {
	if t.dev != nil && strings.HasPrefix(place+"/", "/dev/") {
		return nil
	}
	for _, m := range t.tops {
		if strings.HasPrefix(place, m.place+"/") {
			return nil
		}
	}
	fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl(F_DUPFD)", err)
	}
	t.tops = append(t.tops, top{fd, place, false})
	return nil
}

func (t *Tree) owns(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	t.own[st.Dev] = true
	return nil
}
