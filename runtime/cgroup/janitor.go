package cgroup

// #cgo CFLAGS: -Wall -Wextra -Werror -I${SRCDIR}/../constructor
// #include "janitor.h"
import "C"

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	_ "github.com/jailed-claude/jailed-claude/runtime/constructor" // calls jail_janitor
)

// startJanitor starts the process that removes ours after the death of the
// supervisor. It has a session of its own: neither the terminal's signals nor
// those to the process group reach it. home is where it goes at the end, undo
// what it disables there before.
func startJanitor(supervisor int, ours, home string, undo []string) error {
	fd, err := unix.PidfdOpen(supervisor, 0) // since kernel 5.3
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	watched := os.NewFile(uintptr(fd), "supervisor")
	defer watched.Close()
	arg := ""
	if len(undo) > 0 {
		arg = "-" + strings.Join(undo, " -")
	}
	c := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{C.JAIL_JANITOR, ours, home, arg}, Env: []string{}, Dir: "/",
		ExtraFiles:  []*os.File{watched}, // JAIL_JANITOR_PIDFD
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start the cgroup janitor: %w", err)
	}
	return c.Process.Release()
}
