package supervisor

// #include "userns.h"
import "C"

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
)

// half is the other half of a process that split.c split in two: the one that
// plans a jail, or the one that will be its supervisor.
type half struct {
	socket *os.File
	pid    int
}

// otherHalf is nil in a process that was not split. It can be had once.
func otherHalf() *half {
	u := &C.jail_userns
	if u.split == 0 || u.peer < 0 {
		return nil
	}
	h := &half{os.NewFile(uintptr(u.peer), "other half"), int(u.other)}
	u.peer = -1
	return h
}

// PID is that of the process that is, or will be, the supervisor of the jail
// that the caller plans.
func PID() int {
	if u := &C.jail_userns; u.split != 0 && !IsStage() {
		return int(u.other)
	}
	return os.Getpid()
}

// EndAhead has the other half end the container that it began while this one
// plans: no process but the two halves is left then, and none comes until
// Start. Where nothing was begun it does nothing.
func EndAhead() error {
	u := &C.jail_userns
	if u.split == 0 || u.peer < 0 || IsStage() {
		return nil
	}
	if _, err := unix.Write(int(u.peer), []byte{endAhead}); err != nil {
		return os.NewSyscallError("write", err)
	}
	for {
		_, err := unix.Read(int(u.peer), make([]byte, 1))
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("read", err)
		}
	}
}

// endAhead is a message, and its answer.
const endAhead = 'E'

// maxDescription is more than /proc/PID/environ of a supervisor says.
const maxDescription = 64 << 10

// take waits for descriptors, or the end of the half that plans. If there are
// none, status is how it ended. Before that the other half may want end to be
// called.
func (h *half) take(end func()) (fds []int, status int, err error) {
	if err := fault.At(fault.Waiting); err != nil {
		return nil, exitOurs, err
	}
	text, oob := make([]byte, maxDescription), make([]byte, unix.CmsgSpace(2*4))
	var n, oobn int
	for {
		if n, oobn, _, _, err = unix.Recvmsg(int(h.socket.Fd()), text, oob, unix.MSG_CMSG_CLOEXEC); err != nil {
			return nil, exitOurs, os.NewSyscallError("recvmsg", err)
		}
		if oobn > 0 || n != 1 || text[0] != endAhead {
			break
		}
		end()
		if err := unix.Send(int(h.socket.Fd()), text[:1], unix.MSG_NOSIGNAL); err != nil {
			return nil, exitOurs, os.NewSyscallError("send", err)
		}
	}
	if n == 0 {
		status, err = h.wait()
		return nil, status, err
	}
	cmsgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(cmsgs) != 1 {
		return nil, exitOurs, errors.New("nothing was handed over")
	}
	if fds, err = unix.ParseUnixRights(&cmsgs[0]); err != nil {
		return nil, exitOurs, os.NewSyscallError("SCM_RIGHTS", err)
	}
	// For List. The caller's environment was there before.
	text = append(text[:n], 0)
	C.jail_describe((*C.char)(unsafe.Pointer(&text[0])), C.ulong(len(text)))
	return fds, 0, nil
}

// leave has the half that has handed something over end, and waits for it.
func (h *half) leave() {
	if h == nil {
		return
	}
	h.socket.Close()
	_, _ = h.wait()
}

// wait returns the exit status in the shell's notation.
func (h *half) wait() (int, error) {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(h.pid, &ws, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return exitOurs, os.NewSyscallError("wait4", err)
		}
		if ws.Signaled() {
			return 128 + int(ws.Signal()), nil
		}
		return ws.ExitStatus(), nil
	}
}
