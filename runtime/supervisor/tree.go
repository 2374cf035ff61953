package supervisor

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/bundle"
)

// storeDir is special only in its number of mounts.
const storeDir = "/nix/store"

// sources are the opened sources of bind mounts by mount index, -1 for others.
type sources []int

// openSources opens what will be bound, before anything of the host can change.
func openSources(mounts []specs.Mount, c *covered) (sources, error) {
	var s sources
	for _, m := range mounts {
		fd := -1
		if m.Type == "bind" && !inStore(m) {
			var err error
			if fd, err = c.source(m.Source); err != nil {
				s.close()
				return nil, sourceError(m.Source, err)
			}
		}
		s = append(s, fd)
	}
	return s, nil
}

func sourceError(source string, err error) error {
	switch {
	case errors.Is(err, unix.ELOOP):
		return fmt.Errorf("mount source %q became a symlink after the jail was planned: refused", source)
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("mount source %q vanished after the jail was planned: %w", source, err)
	}
	return fmt.Errorf("mount source %q: %w", source, err)
}

func (s sources) close() {
	for i, fd := range s {
		if fd >= 0 {
			unix.Close(fd)
		}
		s[i] = -1
	}
}

// enterable reports whether PID 1, which has no capability over files, can
// certainly make a folder of the jail its working directory. libcontainer's
// init, which has all, can make any.
func (s sources) enterable(mounts []specs.Mount, dir string) bool {
	in := -1
	for i, m := range mounts {
		if s[i] >= 0 && strings.HasPrefix(dir+"/", m.Destination+"/") {
			in = i // a later mount lies on top
		}
	}
	if in < 0 {
		return false
	}
	rel, name := strings.TrimPrefix(dir, mounts[in].Destination), "."
	for {
		var st unix.Stat_t
		if err := unix.Fstatat(s[in], name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return false
		}
		all := st.Mode&0o111 == 0o111
		if !all && (st.Uid != 0 || st.Mode&unix.S_IXUSR == 0) {
			return false
		}
		if rel = strings.TrimPrefix(rel, "/"); rel == "" {
			return true
		}
		first, rest, _ := strings.Cut(rel, "/")
		name, rel = path.Join(name, first), rest
	}
}

// tree is a rootfs, and the mounts of a configuration below it.
type tree struct {
	// dir holds the folders rootfs and dev.
	dir string
	// place is where the rootfs is mounted, and root that mount.
	place string
	root  *os.File
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

// newTree makes an empty rootfs in dir, which does not exist yet.
func newTree(dir string) (*tree, error) {
	t := &tree{dir: dir, place: filepath.Join(dir, bundle.RootfsName), own: map[uint64]bool{}}
	for _, d := range []string{dir, t.place, t.devDir()} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return nil, err
		}
	}
	var err error
	if t.root, err = openFolder(t.place); err != nil {
		return nil, err
	}
	if err := t.owns(int(t.root.Fd())); err != nil {
		return nil, err
	}
	// The rootfs needs a folder to bind /dev on.
	return t, makeAt(int(t.root.Fd()), "dev", true)
}

// again is the same rootfs mounted once more. What is mounted there is not in a
// container that is being made of t, however far that has come.
func (t *tree) again() (*tree, error) {
	a := &tree{dir: t.dir, place: filepath.Join(t.dir, "again"), own: maps.Clone(t.own), apart: true}
	if err := os.Mkdir(a.place, 0o755); err != nil {
		return nil, err
	}
	fd, err := unix.OpenTree(int(t.root.Fd()), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	if err != nil {
		return nil, os.NewSyscallError("open_tree", err)
	}
	a.root = os.NewFile(uintptr(fd), a.place)
	err = unix.MoveMount(fd, "", unix.AT_FDCWD, a.place, unix.MOVE_MOUNT_F_EMPTY_PATH)
	return a, os.NewSyscallError("move_mount", err)
}

func (t *tree) devDir() string { return filepath.Join(t.dir, "dev") }

func openFolder(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), dir), nil
}

func (t *tree) close() {
	for _, f := range []**os.File{&t.root, &t.dev} {
		if *f != nil {
			(*f).Close()
			*f = nil
		}
	}
	for _, m := range t.tops {
		unix.Close(m.fd)
	}
	t.tops = nil
}

// inStore: a single store path, bound one by one under one folder.
func inStore(m specs.Mount) bool {
	return m.Type == "bind" && m.Source == m.Destination && path.Dir(m.Source) == storeDir
}

// libcontainers are the mounts that are left to libcontainer: they need the
// container's own namespaces.
func (t *tree) libcontainers(mounts []specs.Mount) (rest []specs.Mount) {
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

// build makes those mounts of a configuration for which want is true, but for
// what is left to libcontainer.
func (t *tree) build(mounts []specs.Mount, s sources, want func(specs.Mount) bool) (err error) {
	// What lies in a store path has to be found by its place.
	t.apart = t.apart && !slices.ContainsFunc(mounts, func(m specs.Mount) bool {
		return strings.HasPrefix(m.Destination, storeDir+"/") && !inStore(m)
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
func (t *tree) placed(fd int, place string) error {
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

func (t *tree) owns(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	t.own[st.Dev] = true
	return nil
}

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

// bindStore mounts consecutive store paths with the same options. It is the loop
// that a closure of hundreds of paths spends its time in, so it resolves
// neither side anew, and sets no attributes: a clone has those of the mount
// that it is cloned from, which is a view of the host's store for this alone.
func (t *tree) bindStore(mounts []specs.Mount) error {
	view := filepath.Join(t.dir, "store")
	host, err := storeView(mounts[0].Options, view)
	if err != nil {
		return err
	}
	defer unix.Close(host)
	points, err := t.mountPoint(storeDir, true)
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
func (t *tree) storeRoot(points int) (int, error) {
	for _, m := range t.tops {
		if m.place == storeDir {
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
		err = t.placed(fd, storeDir)
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
	fd, err := unix.OpenTree(unix.AT_FDCWD, storeDir, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return -1, os.NewSyscallError("open_tree "+storeDir, err)
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

func (t *tree) bind(source int, m specs.Mount) error {
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

// hide covers a path as an OCI runtime covers maskedPaths: a file reads as
// empty, and a folder is an empty one. What does not exist is passed over.
func (t *tree) hide(p string) error {
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

// bindDevice mounts a device of the host on what at is, a place of the jail.
func (t *tree) bindDevice(name string, at int, place string) error {
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

// mountFilesystem mounts a tmpfs or devpts on what point opens.
func (t *tree) mountFilesystem(m specs.Mount, point func() (int, error)) error {
	attr, data := split(m.Options)
	fs, err := unix.Fsopen(m.Type, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("fsopen "+m.Type, err)
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
			return fmt.Errorf("option %q: %w", o, err)
		}
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return os.NewSyscallError("fsconfig(create)", err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, int(attr))
	if err != nil {
		return os.NewSyscallError("fsmount", err)
	}
	defer unix.Close(fd)
	if m.Type == "tmpfs" {
		if err := t.owns(fd); err != nil {
			return err
		}
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

// resolve opens a path of the jail, never through a symlink and never outside.
func (t *tree) resolve(p string) (int, error) {
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
func (t *tree) mountPoint(p string, folder bool) (int, error) {
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

// devices are the OCI default ones (config-linux.md, "Default Devices"); a user
// namespace cannot make nodes, so the host's are bound.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

var deviceLinks = []struct{ name, target string }{
	{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
	{"ptmx", "pts/ptmx"},
}

// addDevices fills /dev as the OCI specification wants every runtime to.
func (t *tree) addDevices() error {
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
