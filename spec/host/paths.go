package host

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxText bounds every file that is read here; none of them is a big one.
const maxText = 1 << 20

// under says whether path is dir or lies below it, by component.
func under(path, dir string) bool {
	return dir == "/" || path == dir || strings.HasPrefix(path, dir+"/")
}

// below is under without dir itself.
func below(path, dir string) bool { return path != dir && under(path, dir) }

// settle resolves the symlinks of as much of path as exists.
func settle(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	return filepath.Join(settle(dir), filepath.Base(path))
}

// real resolves the symlinks of path as the host does that s plays: absolute
// targets start at its root again.
func (s *source) real(path string) (string, error) {
	const maxLinks = 64
	cur, rest := "/", path
	for links := 0; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			cur = filepath.Dir(cur)
			continue
		}
		next := filepath.Join(cur, name)
		fi, err := os.Lstat(s.root + next)
		if err != nil {
			return "", err
		}
		if fi.Mode()&os.ModeSymlink == 0 {
			cur = next
			continue
		}
		if links++; links > maxLinks {
			return "", &os.PathError{Op: "resolve", Path: path, Err: syscall.ELOOP}
		}
		target, err := os.Readlink(s.root + next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			cur = "/"
		}
		rest = target + "/" + rest
	}
	return cur, nil
}

// realFile is real for a regular file that the caller can read; empty if there
// is none.
func (s *source) realFile(path string) string {
	real, err := s.real(path)
	if err != nil {
		return ""
	}
	fi, err := os.Stat(s.root + real)
	if err != nil || !fi.Mode().IsRegular() || unix.Faccessat(unix.AT_FDCWD, s.root+real, unix.R_OK, unix.AT_EACCESS) != nil {
		return ""
	}
	return real
}

// readText reads a small regular file. It does not wait at a FIFO, which a
// project may hold under any name.
func readText(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !fi.Mode().IsRegular() {
		return "", &os.PathError{Op: "read", Path: path, Err: syscall.EINVAL}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(b) > maxText {
		err = &os.PathError{Op: "read", Path: path, Err: syscall.EFBIG}
	}
	return string(b), err
}

// exists says whether something is there, be it a dangling symlink.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// isDir says whether path leads to a folder.
func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// between lists the folders strictly between root and path, outermost first.
func between(root, path string) []string {
	var dirs []string
	for d := filepath.Dir(path); below(d, root); d = filepath.Dir(d) {
		dirs = append(dirs, d)
	}
	slices.Reverse(dirs)
	return dirs
}
