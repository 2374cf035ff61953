package rootfs

import (
	"errors"
	"fmt"
	"path"
	"strings"

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

func (s Sources) Close() {
	for i, fd := range s {
		if fd >= 0 {
			unix.Close(fd)
		}
		s[i] = -1
	}
}

// Enterable reports whether PID 1, which has no capability over files, can
// certainly make a folder of the jail its working directory. libcontainer's
// init, which has all, can make any.
func (s Sources) Enterable(mounts []specs.Mount, dir string) bool {
	in := -1
	for i, m := range mounts {
		if s[i] >= 0 && strings.HasPrefix(dir+"/", m.Destination+"/") {
			in = i // a later mount lies on top
		}
	}
	if in < 0 {
		return false
	}
	rel, name := strings.TrimPrefix(dir, mounts[in].Destination), "."
	for {
		var st unix.Stat_t
		if err := unix.Fstatat(s[in], name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return false
		}
		all := st.Mode&0o111 == 0o111
		if !all && (st.Uid != 0 || st.Mode&unix.S_IXUSR == 0) {
			return false
		}
		if rel = strings.TrimPrefix(rel, "/"); rel == "" {
			return true
		}
		first, rest, _ := strings.Cut(rel, "/")
		name, rel = path.Join(name, first), rest
	}
}
