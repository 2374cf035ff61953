package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Name is the name of a project's policy file.
const Name = ".jailed-claude.toml"

// maxFile bounds a policy file. A user has to be able to read what is approved.
const maxFile = 256 << 10

// File is a policy file that was read once. What is compared, shown, approved
// and applied are these bytes; the file is not looked at again.
type File struct {
	// Path is absolute: the name in the project's resolved folder.
	Path string
	// Text are the bytes of the file.
	Text []byte
	// Digest is the sha256 of Text in hexadecimal.
	Digest string
}

// Path is where the policy file of a project is. dir is resolved as far as it
// exists.
func Path(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("project: %w", err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	return filepath.Join(abs, Name), nil
}

// Read reads the policy file of a project; nil if it has none. The file must be
// a regular one that belongs to the caller or to root. It may be a symlink to
// another file of the project, not to one outside.
func Read(dir string) (*File, error) {
	path, err := Path(dir)
	if err != nil {
		return nil, err
	}
	refuse := func(format string, args ...any) (*File, error) {
		return nil, fmt.Errorf("%w: %q %s", ErrFile, path, fmt.Sprintf(format, args...))
	}
	project, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil // what is wrong with the project, package host says better
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	defer unix.Close(project)
	// The project may hold a FIFO under that name, or a device.
	fd, err := unix.Openat2(project, Name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		if _, err := os.Lstat(path); err == nil {
			return refuse("is a symlink that leads nowhere")
		}
		return nil, nil
	case errors.Is(err, unix.EXDEV):
		return refuse("is a symlink out of the project")
	case errors.Is(err, unix.ELOOP):
		return refuse("is a symlink that cannot be followed")
	case errors.Is(err, unix.ENXIO):
		return refuse("is a socket")
	case err != nil:
		return nil, &os.PathError{Op: "read policy", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return refuse("is no regular file")
	case int(st.Uid) != os.Geteuid() && st.Uid != 0:
		return refuse("belongs to uid %d, not to you", st.Uid)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	if len(text) > maxFile {
		return refuse("is larger than %d KiB", maxFile>>10)
	}
	return &File{Path: path, Text: text, Digest: Digest(text)}, nil
}

// Digest of the bytes of a policy file.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
