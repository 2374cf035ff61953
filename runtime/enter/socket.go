package enter

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/message"
)

// socket is the one between the supervisor, or later whoever asked, and the leader
// of a program.
type socket struct{ file *os.File }

func newSocket() (ours *socket, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs = &socket{os.NewFile(uintptr(fds[0]), "program")}, os.NewFile(uintptr(fds[1]), "program")
	// The kernel then says who is ready, in this PID namespace.
	err = unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	if err == nil {
		wait := unix.NsecToTimeval(patience.Nanoseconds())
		err = unix.SetsockoptTimeval(fds[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)
	}
	if err != nil {
		return nil, nil, errors.Join(os.NewSyscallError("setsockopt", err), ours.file.Close(), theirs.Close())
	}
	return ours, theirs, nil
}

// tell sends a message, with descriptors.
func (s *socket) tell(m message.Message, files ...*os.File) error {
	m.Log()
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		oob = unix.UnixRights(fds...)
	}
	return os.NewSyscallError("sendmsg", unix.Sendmsg(int(s.file.Fd()), m.Bytes(), oob, nil, unix.MSG_NOSIGNAL))
}

// errGone: nobody holds the other end any more, and whoever did has said why on
// its standard error.
var errGone = errors.New("it could not be started in the jail")

// hear waits for one of these messages, and returns which, who sent it, and the
// descriptor that came with it, if any.
func (s *socket) hear(want ...message.Message) (said message.Message, pid int, file *os.File, err error) {
	var text [1]byte
	oob := make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(int(s.file.Fd()), text[:], oob, unix.MSG_CMSG_CLOEXEC)
	for errors.Is(err, unix.EINTR) {
		n, oobn, _, _, err = unix.Recvmsg(int(s.file.Fd()), text[:], oob, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
		return 0, 0, nil, os.NewSyscallError("recvmsg", err)
	}
	if n == 0 {
		return 0, 0, nil, errGone
	}
	cmsgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return 0, 0, nil, os.NewSyscallError("recvmsg", err)
	}
	for i := range cmsgs {
		if cred, err := unix.ParseUnixCredentials(&cmsgs[i]); err == nil {
			pid = int(cred.Pid)
		} else if fds, err := unix.ParseUnixRights(&cmsgs[i]); err == nil && len(fds) == 1 {
			file = os.NewFile(uintptr(fds[0]), "master")
		}
	}
	said = message.Message(text[0])
	said.Log()
	if pid == 0 || !slices.Contains(want, said) || (file != nil) != (said == message.Terminal) {
		if file != nil {
			file.Close()
		}
		return 0, 0, nil, fmt.Errorf("not expected: %s", said)
	}
	return said, pid, file, nil
}
