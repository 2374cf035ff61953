package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"
)

// replaceable: nothing is at dir, an empty folder, or an image layout.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
		return nil
	case errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("%w: name another folder, or remove this file", errExists)
	case err != nil:
		return err
	}
	if !ofLayout(entries) || len(entries) != 3 {
		return fmt.Errorf("%w: name another folder, or remove this one", errExists)
	}
	return nil
}

// ofLayout: a layout has these and nothing else.
func ofLayout(entries []fs.DirEntry) bool {
	return !slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() != v1.ImageLayoutFile && e.Name() != v1.ImageIndexFile && e.Name() != v1.ImageBlobsDir
	})
}

// fresh lets fill make a folder that takes dir's place once it is complete.
func fresh(dir string, fill func(string) error) (err error) {
	tmp, remove, err := temporary(filepath.Dir(dir), "."+filepath.Base(dir)+".new-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return err
	}
	// What was there goes where the new one came from, and is removed there.
	exchange := func() error {
		return unix.Renameat2(unix.AT_FDCWD, tmp, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE)
	}
	err = exchange()
	if errors.Is(err, unix.ENOENT) {
		return os.NewSyscallError("rename", unix.Rename(tmp, dir))
	}
	if err != nil {
		return os.NewSyscallError("rename", err)
	}
	// An image takes a while: somebody may have put something there meanwhile.
	if err := replaceable(tmp); err != nil {
		if back := exchange(); back != nil {
			err = fmt.Errorf("%w; what was there is in %q now: %w", err, tmp, back)
			remove = func() error { return nil }
		}
		return err
	}
	return nil
}

// archived is one entry of a stream, with its file if it is one.
type archived struct {
	header *tar.Header
	file   *os.File
}

// opened is all of a layout, in the order in which it is read.
func opened(dir string) (all []archived, err error) {
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		a := archived{header: &tar.Header{Name: name, Mode: 0o644, ModTime: time.Unix(1, 0), Typeflag: tar.TypeReg, Size: fi.Size()}}
		if d.IsDir() {
			a.header.Name, a.header.Mode, a.header.Typeflag, a.header.Size = name+"/", 0o755, tar.TypeDir, 0
		} else if a.file, err = os.Open(p); err != nil { //nolint:gosec // in a folder of this program's own
			return err
		}
		all = append(all, a)
		return nil
	})
	return all, err
}

func closed(all []archived) (err error) {
	for _, a := range all {
		if a.file != nil {
			err = errors.Join(err, a.file.Close())
		}
	}
	return err
}

// archive writes a layout as a tar stream.
func archive(w io.Writer, all []archived) error {
	t := tar.NewWriter(w)
	for _, a := range all {
		if err := t.WriteHeader(a.header); err != nil {
			return err
		}
		if a.file == nil {
			continue
		}
		if _, err := io.Copy(t, a.file); err != nil {
			return err
		}
	}
	return t.Close()
}
