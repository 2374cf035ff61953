package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
)

// workDir is where this mount namespace gets a tmpfs of its own for the bundle
// and the rootfs. Every host has the folder, and what lies below it stays
// reachable: mount sources are opened before it is covered.
const workDir = "/tmp"

// storeDir is special only in its number of mounts.
const storeDir = "/nix/store"

// tree builds the mounts of a configuration below a rootfs.
type tree struct {
	root *os.File
	// dev is where /dev is built, beside the rootfs: libcontainer leaves /dev
	// alone only if it binds it itself.
	dev *os.File
	// sources are the opened bind sources by mount index, -1 for others.
	sources []int
	// own are the devices of file systems that only this jail has. Mount
	// points are created on those alone, never in a folder of the host.
	own map[uint64]bool
}

// openSources opens what will be bound. A source must not lead through a
// symlink: paths were resolved when the jail was planned, so a symlink is a
// change made since then, by whoever may write the folder.
func openSources(mounts []specs.Mount) (*tree, error) {
	t := &tree{own: map[uint64]bool{}}
	for _, m := range mounts {
		fd := -1
		if m.Type == "bind" && !inStore(m) {
			var err error
			fd, err = unix.Openat2(unix.AT_FDCWD, m.Source, &unix.OpenHow{
				// Not O_NOFOLLOW: with O_PATH that opens a symlink itself.
				Flags:   unix.O_PATH | unix.O_CLOEXEC,
				Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
			})
			if err != nil {
				t.close()
				return nil, sourceError(m.Source, err)
			}
		}
		t.sources = append(t.sources, fd)
	}
	return t, fault.At(fault.Sources)
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

func (t *tree) close() {
	for _, fd := range t.sources {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	for _, f := range []*os.File{t.root, t.dev} {
		if f != nil {
			f.Close()
		}
	}
}

// inStore: a single store path, bound one by one under one folder.
func inStore(m specs.Mount) bool {
	return m.Type == "bind" && m.Source == m.Destination && path.Dir(m.Source) == storeDir
}

// build mounts everything but what needs the container's own namespaces, and
// returns the rest for libcontainer, in order.
func (t *tree) build(rootfs, dev string, mounts []specs.Mount) (rest []specs.Mount, err error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	if t.root, err = os.OpenFile(rootfs, flags, 0); err != nil {
		return nil, err
	}
	if err := t.owns(int(t.root.Fd())); err != nil {
		return nil, err
	}
	// The rootfs needs a folder to bind it on.
	if err := makeAt(int(t.root.Fd()), "dev", true); err != nil {
		return nil, err
	}
	for i := 0; i < len(mounts); i++ {
		m := mounts[i]
		switch {
		case m.Type == "proc":
			rest = append(rest, m)
		case inStore(m):
			n := 1
			for i+n < len(mounts) && inStore(mounts[i+n]) && slices.Equal(mounts[i+n].Options, m.Options) {
				n++
			}
			err = t.bindStore(mounts[i:i+n], filepath.Join(filepath.Dir(dev), "store"))
			i += n - 1
		case m.Type == "bind":
			err = t.bind(t.sources[i], m)
		case m.Destination == "/dev":
			if err = t.mountFilesystem(m, func() (int, error) { return unix.Open(dev, flags, 0) }); err == nil {
				t.dev, err = os.OpenFile(dev, flags, 0)
			}
			rest = append(rest, specs.Mount{Destination: "/dev", Type: "bind", Source: dev, Options: []string{"rbind"}})
		default:
			err = t.mountFilesystem(m, func() (int, error) { return t.mountPoint(m.Destination, true) })
		}
		if err != nil {
			return nil, fmt.Errorf("mount %q: %w", m.Destination, err)
		}
	}
	if t.dev == nil {
		return nil, errors.New("the configuration mounts no /dev")
	}
	return rest, fault.After(fault.Tree, t.addDevices())
}

func (t *tree) owns(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	t.own[st.Dev] = true
	return nil
}

// attributes are the flags of mount_setattr(2) by OCI option.
var attributes = map[string]uint64{
	"ro": unix.MOUNT_ATTR_RDONLY, "rro": unix.MOUNT_ATTR_RDONLY,
	"nosuid": unix.MOUNT_ATTR_NOSUID, "nodev": unix.MOUNT_ATTR_NODEV, "noexec": unix.MOUNT_ATTR_NOEXEC,
	"strictatime": unix.MOUNT_ATTR_STRICTATIME,
}

// split separates mount attributes from the options of a file system.
func split(options []string) (attr uint64, data []string) {
	for _, o := range options {
		switch a, ok := attributes[o]; {
		case ok:
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
func (t *tree) bindStore(mounts []specs.Mount, view string) error {
	host, err := storeView(mounts[0].Options, view)
	if err != nil {
		return err
	}
	defer unix.Close(host)
	jail, err := t.mountPoint(storeDir, true)
	if err != nil {
		return err
	}
	defer unix.Close(jail)
	made := makeStorePoints(host, jail, mounts)
	defer func() {
		// host and jail are not closed while it uses them.
		for range made {
		}
	}()
	for chunk := range slices.Chunk(mounts, storeChunk) {
		if err := <-made; err != nil {
			return err
		}
		for _, m := range chunk {
			if err := bindStorePath(host, jail, path.Base(m.Source)); err != nil {
				return sourceError(m.Source, err)
			}
		}
	}
	if err := unix.Unmount(view, unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount "+view, err)
	}
	return os.Remove(view)
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
// the channel when it is done.
func makeStorePoints(host, jail int, mounts []specs.Mount) <-chan error {
	made := make(chan error, len(mounts)/storeChunk+1)
	go func() {
		defer close(made)
		for chunk := range slices.Chunk(mounts, storeChunk) {
			for _, m := range chunk {
				if err := makeStorePoint(host, jail, m.Source); err != nil {
					made <- err
					return
				}
			}
			made <- nil
		}
	}()
	return made
}

func makeStorePoint(host, jail int, source string) error {
	name := path.Base(source)
	var st unix.Stat_t
	if err := unix.Fstatat(host, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return sourceError(source, err)
	}
	if err := makeAt(jail, name, st.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	return nil
}

func bindStorePath(host, jail int, name string) error {
	fd, err := unix.OpenTree(host, name, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return os.NewSyscallError("open_tree", err)
	}
	defer unix.Close(fd)
	return os.NewSyscallError("move_mount", unix.MoveMount(fd, "", jail, name, unix.MOVE_MOUNT_F_EMPTY_PATH))
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
	return attach(fd, attr, recursive, at, "")
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
	return os.NewSyscallError("move_mount", unix.MoveMount(fd, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
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

var deviceLinks = map[string]string{
	"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	"ptmx": "pts/ptmx",
}

// addDevices fills /dev as the OCI specification wants every runtime to.
func (t *tree) addDevices() error {
	dev := int(t.dev.Fd())
	for _, d := range devices {
		fd, err := unix.OpenTree(unix.AT_FDCWD, "/dev/"+d, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return fmt.Errorf("/dev/%s: %w", d, err)
		}
		err = unix.Mknodat(dev, d, unix.S_IFREG|0o666, 0)
		if err == nil {
			err = attach(fd, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, 0, dev, d)
		}
		unix.Close(fd)
		if err != nil {
			return fmt.Errorf("/dev/%s: %w", d, err)
		}
	}
	for name, target := range deviceLinks {
		if err := unix.Symlinkat(target, dev, name); err != nil {
			return fmt.Errorf("/dev/%s: %w", name, err)
		}
	}
	return nil
}
