package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// ConfigName and RootfsName are the two entries of a bundle.
const (
	ConfigName = "config.json"
	RootfsName = "rootfs"
)

// Options of Create.
type Options struct {
	// Init is copied into the rootfs as contract.InitPath, for a bundle that
	// other runtimes shall run. Empty: config.json mounts it.
	Init string
}

// errExists is returned by Create when something is there already.
var errExists = errors.New("exists already and is not an empty folder")

// Create writes a bundle. The folder appears at once and complete, with mode
// 0700: it is made beside dir and renamed. dir must not exist, or be an empty
// folder. After an error nothing is left.
func Create(dir string, j *contract.Jail, o Options) (err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("bundle %q: %w", dir, err)
	}
	switch entries, err := os.ReadDir(dir); {
	case len(entries) > 0, errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("bundle %q: %w: name another folder, or remove this one", dir, errExists)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("bundle %q: %w", dir, err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".new-") // mode 0700
	if err != nil {
		return fmt.Errorf("bundle %q: %w", dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := write(tmp, j, o); err != nil {
		return fmt.Errorf("bundle %q: %w", dir, err)
	}
	// os.Rename refuses a folder, be it empty; rename(2) does not.
	if err := unix.Rename(tmp, dir); err != nil {
		return fmt.Errorf("bundle %q: %w", dir, os.NewSyscallError("rename", err))
	}
	return nil
}

// executable refuses a file system on which no runtime could start PID 1.
func executable(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return os.NewSyscallError("statfs", err)
	}
	if st.Flags&unix.ST_NOEXEC != 0 {
		return hint.Add(errors.New("its file system is mounted noexec: no runtime can start "+contract.InitPath+" there"), "name a folder of another file system; findmnt -T DIR says which one has it")
	}
	return nil
}

// write fills an empty folder that nobody else can see yet. What it makes has
// the modes that are written here, whatever the umask is.
func write(dir string, j *contract.Jail, o Options) error {
	rootfs := filepath.Join(dir, RootfsName)
	if err := os.Mkdir(rootfs, 0o755); err != nil {
		return err
	}
	err := inRoot(rootfs, func(r *os.Root) error {
		if err := r.Chmod(".", 0o755); err != nil {
			return err
		}
		if err := writeFiles(r, j.Rootfs); err != nil {
			return err
		}
		if o.Init != "" {
			if err := executable(dir); err != nil {
				return err
			}
			if err := copyFile(o.Init, r, contract.InitPath); err != nil {
				return fmt.Errorf("copy init: %w", err)
			}
		}
		return makeMountPoints(r, j.Spec.Mounts)
	})
	if err != nil {
		return err
	}
	text, err := Marshal(j.Spec)
	if err != nil {
		return err
	}
	return create(filepath.Join(dir, ConfigName), text)
}

// WriteRootfs writes files into a rootfs that is there, for a runtime that makes
// its own mount points.
func WriteRootfs(dir string, files []contract.File) error {
	return inRoot(dir, func(r *os.Root) error { return writeFiles(r, files) })
}

// inRoot does something below a folder: a symlink in it must not lead to the
// host's files.
func inRoot(dir string, do func(*os.Root) error) error {
	r, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	return errors.Join(do(r), r.Close())
}

func create(p string, content []byte) error {
	f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// Marshal renders config.json as "runc spec" does: indented by tabs, without
// HTML escapes, with a line feed at the end. Equal configurations give equal
// bytes.
func Marshal(s *specs.Spec) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(s); err != nil {
		return nil, fmt.Errorf("encode %s: %w", ConfigName, err)
	}
	return b.Bytes(), nil
}

func writeFiles(r *os.Root, files []contract.File) error {
	for _, f := range files {
		if err := writeFile(r, f); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(r *os.Root, f contract.File) error {
	p := inside(f.Path)
	if f.Mode.IsDir() {
		if err := makeFolders(r, p); err != nil {
			return err
		}
		return r.Chmod(p, f.Mode.Perm())
	}
	if err := makeFolders(r, path.Dir(p)); err != nil {
		return err
	}
	if f.Mode&fs.ModeSymlink != 0 {
		return r.Symlink(f.Target, p)
	}
	return writeNew(r, p, bytes.NewReader(f.Content), f.Mode.Perm())
}

// inside makes a path of the jail relative to its rootfs.
func inside(p string) string { return strings.TrimPrefix(p, "/") }

// makeFolders makes a folder and those on the way to it.
func makeFolders(r *os.Root, p string) error {
	if p == "." || p == "" {
		return nil
	}
	err := r.Mkdir(p, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeFolders(r, path.Dir(p)); err != nil {
			return err
		}
		err = r.Mkdir(p, 0o755)
	}
	switch {
	case err == nil:
		return r.Chmod(p, 0o755)
	case errors.Is(err, fs.ErrExist):
		if st, err := r.Stat(p); err != nil || st.IsDir() {
			return err
		}
	}
	return err
}

func writeNew(r *os.Root, p string, content io.Reader, mode fs.FileMode) error {
	f, err := r.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

func copyFile(from string, r *os.Root, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	to = inside(to)
	if err := makeFolders(r, path.Dir(to)); err != nil {
		return err
	}
	return writeNew(r, to, in, 0o755)
}

// makeMountPoints makes what the mounts of a configuration are mounted on. A
// destination inside another mount is not of the rootfs and left alone.
func makeMountPoints(r *os.Root, mounts []specs.Mount) error {
	var made []string
	for _, m := range mounts {
		if slices.ContainsFunc(made, func(d string) bool { return strings.HasPrefix(m.Destination, d+"/") }) {
			continue
		}
		made = append(made, m.Destination)
		folder := m.Type != "bind"
		if !folder {
			st, err := os.Lstat(m.Source)
			if err != nil {
				return fmt.Errorf("mount source: %w", err)
			}
			if st.Mode()&fs.ModeSymlink != 0 {
				return fmt.Errorf("mount source %q became a symlink", m.Source)
			}
			folder = st.IsDir()
		}
		if err := makeMountPoint(r, inside(m.Destination), folder); err != nil {
			return fmt.Errorf("mount point: %w", err)
		}
		// runc 1.1 gives a tmpfs the mode of its mount point, whatever the
		// option says.
		if mode, ok := modeOf(m); ok {
			if err := r.Chmod(inside(m.Destination), mode); err != nil {
				return fmt.Errorf("mount point: %w", err)
			}
		}
	}
	return nil
}

// modeOf is the option "mode" of a tmpfs.
func modeOf(m specs.Mount) (fs.FileMode, bool) {
	for _, o := range m.Options {
		if v, ok := strings.CutPrefix(o, "mode="); ok && m.Type == "tmpfs" {
			n, err := strconv.ParseUint(v, 8, 12)
			mode := fs.FileMode(n) & fs.ModePerm
			if n&unix.S_ISVTX != 0 {
				mode |= fs.ModeSticky
			}
			return mode, err == nil
		}
	}
	return 0, false
}

func makeMountPoint(r *os.Root, p string, folder bool) error {
	if folder {
		return makeFolders(r, p)
	}
	if err := makeFolders(r, path.Dir(p)); err != nil {
		return err
	}
	if _, err := r.Lstat(p); err == nil {
		return nil
	}
	return writeNew(r, p, strings.NewReader(""), 0o644)
}
