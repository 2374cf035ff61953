package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

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

// Here refuses a working directory that somebody removed or closed: what is named
// by a relative path is nowhere then, and libcontainer asks for it too.
func Here() error {
	switch _, err := os.Getwd(); {
	case errors.Is(err, fs.ErrNotExist):
		return hint.Add(errors.New("the working directory is no longer there"), "change into an existing folder first")
	case err != nil:
		return hint.Add(fmt.Errorf("the working directory cannot be used: %w", err), "change into another folder first")
	}
	return nil
}
