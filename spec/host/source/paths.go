package source

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/paths"
)

// maxText bounds every file that is read here; none of them is a big one.
const maxText = 1 << 20

// Settle resolves the symlinks of as much of path as exists.
func Settle(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	return filepath.Join(Settle(dir), filepath.Base(path))
}

// Real resolves the symlinks of path as the host does that s plays: absolute
// targets start at its root again.
func (s *Source) Real(path string) (string, error) {
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
		fi, err := os.Lstat(s.Root + next)
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
		target, err := os.Readlink(s.Root + next)
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

// RealFile is real for a regular file that the caller can read; empty if there
// is none.
func (s *Source) RealFile(path string) string {
	real, err := s.Real(path)
	if err != nil {
		return ""
	}
	fi, err := os.Stat(s.Root + real)
	if err != nil || !fi.Mode().IsRegular() || unix.Faccessat(unix.AT_FDCWD, s.Root+real, unix.R_OK, unix.AT_EACCESS) != nil {
		return ""
	}
	return real
}

// ReadText reads a small regular file. It does not wait at a FIFO, which a
// project may hold under any name.
func ReadText(path string) (string, error) {
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

// Exists says whether something is there, be it a dangling symlink.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// OnPath says whether a folder of a PATH has a program.
func OnPath(dirs []string, program string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return Exists(filepath.Join(dir, program)) })
}

// IsDir says whether path leads to a folder.
func IsDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// Between lists the folders strictly between root and path, outermost first.
func Between(root, path string) []string {
	var dirs []string
	for d := filepath.Dir(path); d != root && paths.Below(d, root); d = filepath.Dir(d) {
		dirs = append(dirs, d)
	}
	slices.Reverse(dirs)
	return dirs
}

// Owner is who owns a file.
func Owner(fi os.FileInfo) int {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// OneLine drops what has no place in a line of a generated config file.
func OneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}
