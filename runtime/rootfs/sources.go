package rootfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Sources are the opened sources of bind mounts by mount index, -1 for others.
type Sources []int

// OpenSources opens what will be bound, before anything of the host can change.
func OpenSources(mounts []specs.Mount, c *Host) (Sources, error) {
	var s Sources
	for _, m := range mounts {
		fd := -1
		if m.Type == "bind" && !inStore(m) {
			var err error
			if fd, err = c.source(m.Source); err != nil {
				s.Close()
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

// Replace puts a new file in the place of a source, below WorkDir, that every
// program in the jail may read.
//
// Preconditions: WorkDir is covered.
func (s Sources) Replace(i int, name string, content ...[]byte) error {
	place := filepath.Join(WorkDir, name)
	f, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	for _, part := range content {
		if err == nil {
			_, err = f.Write(part)
		}
	}
	if err = errors.Join(err, f.Chmod(0o444), f.Close()); err != nil { // whatever the umask is
		return err
	}
	fd, err := unix.Open(place, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: place, Err: err}
	}
	unix.Close(s[i])
	s[i] = fd
	return nil
}

// Close closes what was not used.
func (s Sources) Close() {
	for i, fd := range s {
		if fd >= 0 {
			unix.Close(fd)
		}
		s[i] = -1
	}
}
