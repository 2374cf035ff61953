package hook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
)

// Variables of a keeper's environment, by which NetworkStop knows it.
const (
	bundleEnv = "_JAILED_CLAUDE_BUNDLE"
	initEnv   = "_JAILED_CLAUDE_INIT" // the container's first process
)

// identity says which container a keeper is for. IDs are unique to one state
// folder of one runtime only, so there is more of it.
type identity struct {
	ID, Bundle string
	Init       process
}

func (i identity) environ() []string {
	return []string{keeperEnv + "=" + i.ID, bundleEnv + "=" + i.Bundle, initEnv + "=" + i.Init.String()}
}

// grace is how long a keeper has to end by itself: it closes connections.
const grace = 5 * time.Second

// NetworkStop ends the keeper of the container whose state is on stdin, if one
// still runs. A keeper of a container that runs is never ended: it belongs to
// another one of the same name.
func NetworkStop(stdin io.Reader) error {
	s, err := readState(stdin)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir("/proc")
	if err := fault.After(fault.HookStops, err); err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	var failed []error
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if err := endKeeper(pid, s.ID, s.Bundle); err != nil {
				failed = append(failed, fmt.Errorf("end the keeper %d of %q: %w", pid, s.ID, err))
			}
		}
	}
	return errors.Join(append(failed, removeSocket(s.Bundle, s.ID))...)
}

// endKeeper ends a process if it is a keeper of this container and the
// container has ended.
func endKeeper(pid int, id, bundle string) error {
	// From here on the number stands for the process that it stands for now:
	// what is read of another one that gets it afterwards does no harm, for
	// the signal goes by the descriptor.
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil // gone
	}
	pidfd := os.NewFile(uintptr(fd), "keeper")
	defer pidfd.Close()
	i, ok := keeperAt(pid)
	if !ok || i.ID != id || i.Bundle != bundle || i.Init.alive() {
		return nil
	}
	if ended, err := await(pidfd, 0); err != nil || ended {
		return err
	}
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		err := unix.PidfdSendSignal(int(pidfd.Fd()), signal, nil, 0) // since kernel 5.1
		if err != nil {
			if errors.Is(err, unix.ESRCH) {
				return nil
			}
			return os.NewSyscallError("pidfd_send_signal", err)
		}
		if ended, err := await(pidfd, grace); err != nil || ended {
			return err
		}
	}
	return errors.New("it does not end")
}

// keeperAt reads which container a process is the keeper of. Of the processes
// of other users it can read nothing.
func keeperAt(pid int) (i identity, ok bool) {
	environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return i, false
	}
	var known bool
	for v := range bytes.SplitSeq(environ, []byte{0}) {
		name, value, _ := strings.Cut(string(v), "=")
		switch name {
		case keeperEnv:
			i.ID, ok = value, true
		case bundleEnv:
			i.Bundle = value
		case initEnv:
			i.Init, known = parseProcess(value)
		}
	}
	return i, ok && known
}
