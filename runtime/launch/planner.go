package launch

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
)

// Planner is the process that plans a jail while its supervisor already runs,
// as the supervisor sees it. A nil Planner is gone: the supervisor is the same
// process.
type Planner struct {
	socket *os.File
	pid    int
	// stays: it becomes what is done afterwards.
	stays bool
}

// fdEnv and an index is a variable of a supervisor that was executed as one: a
// descriptor that crossed.
const fdEnv = "_JAILED_CLAUDE_FD"

// maxFiles is how many cross: the plan, and Options.files.
const maxFiles = 6

// enoughFiles is more than a supervisor has open while a jail is planned.
const enoughFiles = 64

// Idle says whether the supervisor may do something while a jail is planned: the
// Go runtime crashes where it cannot open what it waits with. The planner says
// what is wrong then.
func (p *Planner) Idle() bool {
	var files unix.Rlimit
	return p != nil && unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil && files.Cur >= enoughFiles
}

// Planning is the planner of this supervisor's jail. It can be had once.
func Planning() *Planner {
	if other := quick.OtherHalf(); other != nil {
		return &Planner{socket: other.Socket, pid: other.PID}
	}
	return nil
}

// Receive waits for what Start hands over. Before that the planner may want end
// to be called (EndAhead). Where the planner ends without handing anything over
// it has said why; the plan is nil then, and status is its exit status.
func (p *Planner) Receive(end func()) (plan *Plan, status int, err error) {
	fds := executed()
	if p != nil {
		if fds, status, err = p.receive(end); err != nil || len(fds) == 0 {
			return nil, status, err
		}
	}
	if len(fds) == 0 {
		return nil, 0, errors.New("this process was not started by jailed-claude")
	}
	f := os.NewFile(uintptr(fds[0]), "jail")
	defer f.Close()
	if plan, err = readPlan(f); err != nil {
		return nil, 0, fmt.Errorf("take the jail over: %w", err)
	}
	rest := fds[1:]
	for _, fd := range plan.Options.files() {
		if *fd > 0 {
			if len(rest) == 0 {
				return nil, 0, errors.New("take the jail over: a descriptor is missing")
			}
			*fd, rest = rest[0], rest[1:]
		}
	}
	if p != nil {
		p.stays = plan.Options.Waiting > 0
	}
	if err := announce(plan); err != nil {
		return nil, 0, err
	}
	return plan, 0, fault.At(fault.TakenOver)
}

// executed are the descriptors of a supervisor that was executed as one.
func executed() (fds []int) {
	for i := range maxFiles {
		if fd, err := strconv.Atoi(os.Getenv(fdEnv + strconv.Itoa(i))); err == nil {
			unix.CloseOnExec(fd)
			fds = append(fds, fd)
		}
	}
	return fds
}

// receive waits for descriptors, or the end of the planner. If there are none,
// status is how it ended.
func (p *Planner) receive(end func()) (fds []int, status int, err error) {
	if err := fault.At(fault.Waiting); err != nil {
		return nil, 0, err
	}
	text, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(maxFiles*4))
	var n, oobn int
	for {
		if n, oobn, _, _, err = unix.Recvmsg(int(p.socket.Fd()), text, oob, unix.MSG_CMSG_CLOEXEC); err != nil {
			return nil, 0, os.NewSyscallError("recvmsg", err)
		}
		if oobn > 0 || n != 1 || message.Message(text[0]) != message.EndContainer {
			break
		}
		end()
		if err := unix.Send(int(p.socket.Fd()), message.ContainerEnded.Bytes(), unix.MSG_NOSIGNAL); err != nil {
			return nil, 0, os.NewSyscallError("send", err)
		}
	}
	if n == 0 {
		status, err = p.wait()
		return nil, status, err
	}
	cmsgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(cmsgs) != 1 || message.Message(text[0]) != message.Plan {
		return nil, 0, errors.New("nothing was handed over")
	}
	if fds, err = unix.ParseUnixRights(&cmsgs[0]); err != nil {
		return nil, 0, os.NewSyscallError("SCM_RIGHTS", err)
	}
	return fds, 0, nil
}

// Refuse has a planner become the supervisor of its jail, which this process cannot
// be: no namespaces were made for it. It returns how that one ended.
func (p *Planner) Refuse(why *userns.Error) (status int, err error) {
	if _, err := unix.Write(int(p.socket.Fd()), append(message.Refused.Bytes(), refusalText(why)...)); err != nil {
		return 0, os.NewSyscallError("write", err)
	}
	closeDetached()
	return Follow(p.pid), nil
}

// Leave has a planner end that has handed something over, and waits for it, but
// for one that becomes what is done afterwards.
func (p *Planner) Leave() {
	if p == nil {
		return
	}
	p.socket.Close()
	if !p.stays {
		_, _ = p.wait()
	}
}

// End is Leave, and waits for any planner.
func (p *Planner) End() {
	if p != nil {
		p.stays = false
		p.Leave()
	}
}

// wait returns the exit status in the shell's notation.
func (p *Planner) wait() (int, error) {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(p.pid, &ws, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, os.NewSyscallError("wait4", err)
		}
		if ws.Signaled() {
			return 128 + int(ws.Signal()), nil
		}
		return ws.ExitStatus(), nil
	}
}
