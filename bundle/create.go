package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/jailed-claude/jailed-claude/spec"
)

// ConfigName and RootfsName are the two entries of a bundle.
const (
	ConfigName = "config.json"
	RootfsName = "rootfs"
)

// Options of Create.
type Options struct {
	// Init is copied into the rootfs as spec.InitPath, for a bundle that
	// other runtimes shall run. Empty: config.json mounts it.
	Init string
	// Bare leaves the mount points to the runtime, for one that has mounts of
	// its own to make them on.
	Bare bool
}

// ErrExists is returned by Create when something is there already.
var ErrExists = errors.New("exists already and is not an empty folder")

// Create writes a bundle. The folder appears at once and complete, with mode
// 0700: it is made beside dir and renamed. dir must not exist, or be an empty
// folder. After an error nothing is left.
func Create(dir string, j *spec.Jail, o Options) (err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("bundle %q: %w", dir, err)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("bundle %q: %w: name another folder, or remove this one", dir, ErrExists)
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
	if err := Write(tmp, j, o); err != nil {
		return fmt.Errorf("bundle %q: %w", dir, err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("bundle %q: %w", dir, err)
	}
	return nil
}

// Write fills an empty folder that nobody else can see yet.
func Write(dir string, j *spec.Jail, o Options) error {
	rootfs := filepath.Join(dir, RootfsName)
	if err := os.Mkdir(rootfs, 0o755); err != nil {
		return err
	}
	for _, f := range j.Rootfs {
		if err := writeFile(rootfs, f); err != nil {
			return err
		}
	}
	if o.Init != "" {
		if err := copyFile(o.Init, filepath.Join(rootfs, spec.InitPath)); err != nil {
			return fmt.Errorf("copy init: %w", err)
		}
	}
	if !o.Bare {
		if err := makeMountPoints(rootfs, j.Spec.Mounts); err != nil {
			return err
		}
	}
	text, err := Marshal(j.Spec)
	if err != nil {
		return err
	}
	return writeNew(filepath.Join(dir, ConfigName), text, 0o600)
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

func writeFile(rootfs string, f spec.File) error {
	p := filepath.Join(rootfs, f.Path)
	if f.Mode.IsDir() {
		return os.MkdirAll(p, f.Mode.Perm())
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	if f.Mode&fs.ModeSymlink != 0 {
		return os.Symlink(f.Target, p)
	}
	return writeNew(p, f.Content, f.Mode.Perm())
}

func writeNew(p string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// makeMountPoints makes what the mounts of a configuration are mounted on. A
// destination inside another mount is not of the rootfs and left alone.
func makeMountPoints(rootfs string, mounts []specs.Mount) error {
	var made []string
	for _, m := range mounts {
		if slices.ContainsFunc(made, func(d string) bool { return strings.HasPrefix(m.Destination, d+"/") }) {
			continue
		}
		made = append(made, m.Destination)
		p := filepath.Join(rootfs, m.Destination)
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
		if err := makeMountPoint(p, folder); err != nil {
			return fmt.Errorf("mount point: %w", err)
		}
	}
	return nil
}

func makeMountPoint(p string, folder bool) error {
	if folder {
		return os.MkdirAll(p, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	if _, err := os.Lstat(p); err == nil {
		return nil
	}
	return writeNew(p, nil, 0o644)
}
