package supervisor

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/message"
)

// control is the socket to PID 1. PID 1 holds the other end and the agent does
// not, but for what becomes it until it is executed.
type control struct {
	ours, theirs *os.File
}

func newControl() (*control, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	// The kernel then says which process is ready, in this PID namespace.
	if err := unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return nil, os.NewSyscallError("setsockopt(SO_PASSCRED)", err)
	}
	return &control{os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "control")}, nil
}

// errEnded: PID 1 closed its end.
var errEnded = errors.New("PID 1 ended")

// there waits for PID 1 to run.
func (c *control) there() error {
	said, _, err := c.hear()
	if err == nil && said != message.Waits {
		err = fmt.Errorf("PID 1 said %s", said)
	}
	return err
}

// ready waits for the agent to have dropped everything, and returns its PID and
// whether it is in a Landlock domain.
func (c *control) ready() (pid int, landlocked bool, err error) {
	said, pid, err := c.hear()
	if err != nil {
		return 0, false, err
	}
	if said != message.Ready && said != message.ReadyLandlocked {
		return 0, false, fmt.Errorf("PID 1 said %s", said)
	}
	return pid, said == message.ReadyLandlocked, fault.At(fault.Ready)
}

// hear returns the next message, and the PID of who sent it.
func (c *control) hear() (said message.Message, pid int, err error) {
	var msg [1]byte
	oob := make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	n, oobn, _, _, err := unix.Recvmsg(int(c.ours.Fd()), msg[:], oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, 0, os.NewSyscallError("recvmsg", err)
	}
	if n == 0 {
		return 0, 0, errEnded
	}
	cmsgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(cmsgs) != 1 {
		return 0, 0, fmt.Errorf("PID 1 said %q without its credentials", msg)
	}
	cred, err := unix.ParseUnixCredentials(&cmsgs[0])
	if err != nil {
		return 0, 0, os.NewSyscallError("SCM_CREDENTIALS", err)
	}
	said = message.Message(msg[0])
	said.Log()
	return said, int(cred.Pid), nil
}

func (c *control) close() {
	c.ours.Close()
	c.theirs.Close()
}

// tell lets PID 1 or what becomes the agent go on.
func (c *control) tell(m message.Message) error {
	m.Log()
	_, err := c.ours.Write(m.Bytes())
	return err
}

// stops sends a value for every time that the agent stops. The channel is
// closed when PID 1 ends.
func (c *control) stops() <-chan struct{} {
	ch := make(chan struct{}, 1)
	go func() {
		defer close(ch)
		var msg [1]byte
		for {
			if n, err := c.ours.Read(msg[:]); n != 1 || err != nil {
				return
			}
			if m := message.Message(msg[0]); m == message.Stopped {
				m.Log()
				ch <- struct{}{}
			}
		}
	}()
	return ch
}
