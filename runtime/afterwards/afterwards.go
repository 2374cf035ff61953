package afterwards

// #cgo CFLAGS: -Wall -Wextra -Werror -I${SRCDIR}/../constructor
// #include "constructor.h"
import "C"

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	_ "github.com/jailed-claude/jailed-claude/runtime/constructor" // where it waits
	"github.com/jailed-claude/jailed-claude/runtime/message"
)

// Waiting is a command of this program that waits for the end of a jail.
type Waiting struct {
	args []string
	end  *os.File
}

// New makes one, and the supervisor's end of its socket.
func New(args []string) (w *Waiting, supervisor *os.File, err error) {
	s, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return &Waiting{args, os.NewFile(uintptr(s[0]), "afterwards")}, os.NewFile(uintptr(s[1]), "supervisor"), nil
}

func environ(fd int) []string {
	return append(os.Environ(), C.JAIL_AFTER_ENV+"="+strconv.Itoa(fd))
}

// Become replaces this process by it. The supervisor's end is closed then.
func (w *Waiting) Become() error {
	fd := int(w.end.Fd())
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	return os.NewSyscallError("execve", unix.Exec("/proc/self/exe", append([]string{os.Args[0]}, w.args...), environ(fd)))
}

// Start starts it as a process of its own.
func (w *Waiting) Start() error {
	defer w.end.Close()
	const first = 3
	p, err := os.StartProcess("/proc/self/exe", append([]string{os.Args[0]}, w.args...), &os.ProcAttr{
		Env: environ(first), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, w.end},
	})
	if err != nil {
		return err
	}
	return p.Release()
}

// Take is the supervisor's end that crossed as a descriptor; nil for 0.
func Take(fd int) *os.File {
	if fd == 0 {
		return nil
	}
	return os.NewFile(uintptr(fd), "afterwards")
}

// Go has the process at the other end of a socket do what it waits for, and
// returns when it has ended.
func Go(supervisor *os.File) {
	if supervisor == nil {
		return
	}
	message.Go.Log()
	if _, err := supervisor.Write(message.Go.Bytes()); err == nil {
		_, _ = io.Copy(io.Discard, supervisor)
	}
}
