package runtime

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
)

// needFiles is how many files a command may have to open at once, with room.
const needFiles = 64

// EnoughFiles refuses to begin with fewer open files than a command may need:
// the Go runtime and libcontainer crash where they cannot open a file.
func EnoughFiles() error {
	var fds []int
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
	dir, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	for err == nil && len(fds) < needFiles {
		fds = append(fds, dir)
		dir, err = unix.FcntlInt(uintptr(dir), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		return hint.Add(fmt.Errorf("only %d files can be opened, and %d may be needed: %w", len(fds), needFiles, err), "to allow more: ulimit -n 1024")
	}
	fds = append(fds, dir)
	return nil
}
