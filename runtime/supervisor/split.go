package supervisor

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
)

// half is the other half of a process that was split in two.
type half struct {
	socket *os.File
	pid    int
}

func otherHalf() *half {
	h := quick.OtherHalf()
	if h == nil {
		return nil
	}
	return &half{h.Socket, h.PID}
}

// PID is that of the process that is, or will be, the supervisor of the jail
// that the caller plans.
func PID() int {
	if pid, _ := quick.Peer(); pid != 0 && !IsStage() {
		return pid
	}
	return os.Getpid()
}

// IsStage reports whether this process was started as a supervisor.
func IsStage() bool { return userns.IsSupervisor() }

// EndAhead has the other half end the container that it began while this one
// plans: no process but the two halves is left then, and none comes until
// Start. Where nothing was begun it does nothing.
func EndAhead() error {
	_, socket := quick.Peer()
	if socket < 0 || IsStage() {
		return nil
	}
	if _, err := unix.Write(socket, []byte{endAhead}); err != nil {
		return os.NewSyscallError("write", err)
	}
	for {
		_, err := unix.Read(socket, make([]byte, 1))
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("read", err)
		}
	}
}

// Messages of the half that plans. The first has the same as its answer; the
// second has descriptors with it.
const (
	endAhead  = 'E'
	handsOver = 'H'
)

// take waits for descriptors, or the end of the half that plans. If there are
// none, status is how it ended. Before that the other half may want end to be
// called.
func (h *half) take(end func()) (fds []int, status int, err error) {
	if err := fault.At(fault.Waiting); err != nil {
		return nil, exitOurs, err
	}
	text, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(2*4))
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
