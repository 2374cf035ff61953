package launch

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Detached is how a jail is started that has no terminal of the caller's: it keeps
// its own one, for those who attach to it.
type Detached struct {
	// FD is where the supervisor writes the jail's ID, when the agent runs. The
	// descriptor behind it becomes its standard error then.
	FD int
	// Width and Height are those of its terminal until somebody attaches.
	Width, Height uint16
}

// detachedEnv is set in a process that is to start a detached jail. It crosses to
// the supervisor as GODEBUG does.
const detachedEnv = "GOJAIL_DETACHED"

// Environ is the variable that makes a process start a detached jail.
func (d Detached) Environ() string {
	return fmt.Sprintf("%s=%d,%d,%d", detachedEnv, d.FD, d.Width, d.Height)
}

// IsDetached reports whether this process is to start, or is the supervisor of, a
// detached jail.
func IsDetached() (d Detached, ok bool) {
	_, err := fmt.Sscanf(os.Getenv(detachedEnv), "%d,%d,%d", &d.FD, &d.Width, &d.Height)
	return d, err == nil && d.FD > 2
}

// Announce says which jail it is, to whoever started it, and lets go of what it has
// of theirs.
func (d Detached) Announce(id string) error {
	f := os.NewFile(uintptr(d.FD), "announcement")
	_, err := f.WriteString(id + "\n")
	if failed := f.Close(); err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("say that the jail runs: %w", err)
	}
	defer unix.Close(d.FD + 1)
	return os.NewSyscallError("dup3", unix.Dup3(d.FD+1, 2, 0))
}
