package rootfs

import (
	"errors"
	"fmt"

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

// Close closes what was not used.
func (s Sources) Close() {
	for i, fd := range s {
		if fd >= 0 {
			unix.Close(fd)
		}
		s[i] = -1
	}
}
