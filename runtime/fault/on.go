//go:build faults

package fault

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// At does what Variable says, if it names this point.
func At(p Point) error {
	point, action, _ := strings.Cut(os.Getenv(Variable), ":")
	if Point(point) != p {
		return nil
	}
	switch action {
	case Kill:
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {} // until it arrives
	case Stop:
		// To this thread: one that goes to the process may reach another
		// thread first, and this one would run on for a while.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		return os.NewSyscallError("tgkill", unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP))
	case Orphan:
		return killChildren()
	}
	return fmt.Errorf("a fault that was asked for, at %q", p)
}

// killChildren ends the children of all threads (proc(5), task/TID/children).
func killChildren() error {
	lists, err := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, f := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(f); err == nil {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
	return err
}

// Environ is what a process of ours needs to pass the same points.
func Environ() []string {
	if v := os.Getenv(Variable); v != "" {
		return []string{Variable + "=" + v}
	}
	return nil
}
