package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
		return fmt.Errorf("%w: name another folder, or remove this file", ErrExists)
	case err != nil:
		return err
	}
	layout := 0
	for _, e := range entries {
		switch e.Name() {
		case v1.ImageLayoutFile, v1.ImageIndexFile, v1.ImageBlobsDir:
			layout++
		}
	}
	if layout != len(entries) || layout != 3 {
		return fmt.Errorf("%w: name another folder, or remove this one", ErrExists)
	}
	return nil
}

// fresh lets fill make a folder that takes dir's place once it is complete.
func fresh(dir string, fill func(string) error) (err error) {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".new-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
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
			tmp = "" // it stays
		}
		return err
	}
	return nil
}

// archive writes a layout as a tar stream, in the order in which it is read.
func archive(w io.Writer, dir string) error {
	t := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
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
		h := &tar.Header{Name: name, Mode: 0o644, ModTime: time.Unix(1, 0), Typeflag: tar.TypeReg, Size: fi.Size()}
		if d.IsDir() {
			h.Name, h.Mode, h.Typeflag, h.Size = name+"/", 0o755, tar.TypeDir, 0
		}
		if err := t.WriteHeader(h); err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(p) //nolint:gosec // in a folder of this program's own
		if err != nil {
			return err
		}
		_, err = io.Copy(t, f)
		return errors.Join(err, f.Close())
	})
	if err == nil {
		err = t.Close() // which says again what failed before
	}
	return err
}
