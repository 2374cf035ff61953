package hook

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/message"
)

// waitForNamespaces is the first life of a keeper: it ends with the container,
// or replaces itself when it has the container's namespaces.
func waitForNamespaces() error {
	self, ok := keeperAt(os.Getpid())
	if !ok {
		return errors.New("this process was not started by a hook")
	}
	for fd := listenerFD; fd <= logFD; fd++ {
		unix.CloseOnExec(fd)
	}
	l, err := net.FileListener(os.NewFile(listenerFD, "listener"))
	if err != nil {
		return err
	}
	if err := fault.At(fault.KeeperWaits); err != nil {
		return errors.Join(err, removeSocket(self.Bundle, self.ID))
	}
	container := os.NewFile(initFD, "container")
	go func() {
		_, _ = await(container, -1)
		_ = l.Close() // Accept returns
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			return errors.Join(err, removeSocket(self.Bundle, self.ID))
		}
		c := conn.(*net.UnixConn)
		fds, err := namespaces(c, self.Init)
		if err != nil {
			// Not the runtime's hook, or not one that can be helped: it sees
			// why, and goes on without.
			say(c, nil, err)
			_ = c.Close()
			continue
		}
		if err := removeSocket(self.Bundle, self.ID); err != nil {
			say(c, nil, err)
			return err
		}
		f, err := c.File()
		if err := fault.After(fault.KeeperGot, err); err != nil {
			return err
		}
		return enter(self, append(fds, initFD, taskFD, logFD, int(f.Fd())))
	}
}

// enter replaces this process by one in the user namespace fds[0].
func enter(self identity, fds []int) error {
	names := make([]string, len(fds))
	for i, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		names[i] = strconv.Itoa(fd)
	}
	env := append(self.environ(), joinedEnv+"="+strings.Join(names, ","))
	env = append(env, fault.Environ()...)
	return os.NewSyscallError("execve", unix.Exec("/proc/self/exe", os.Args, env))
}

// namespaces receives a container's user and network namespace. Only a child of
// the container's first process may hand them over: what the runtime starts
// there before the program. With those of another container that one would get
// this one's network, and the use of its keys.
func namespaces(c *net.UnixConn, first process) ([]int, error) {
	if err := fromChildOf(c, first); err != nil {
		return nil, err
	}
	buf, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(2*4))
	_, n, _, _, err := c.ReadMsgUnix(buf, oob)
	if err != nil {
		return nil, err
	}
	cmsgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(cmsgs) != 1 || message.Message(buf[0]) != message.Namespaces {
		return nil, errors.New("no namespaces were handed over")
	}
	fds, err := unix.ParseUnixRights(&cmsgs[0])
	if err != nil || len(fds) != 2 {
		return nil, errors.New("not two namespaces were handed over")
	}
	for i, kind := range []string{"user", "net"} {
		unix.CloseOnExec(fds[i])
		err = errors.Join(err, foreign(fds[i], kind))
	}
	if err != nil {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		return nil, err
	}
	return fds, nil
}

func fromChildOf(c *net.UnixConn, first process) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	parent, err := parentOf(int(peer.Pid))
	if err != nil {
		return err
	}
	if int(peer.Uid) != os.Getuid() || parent != first.PID || !first.alive() {
		return fmt.Errorf("process %d is not of this container", peer.Pid)
	}
	return nil
}

// foreign refuses this process's own namespace: one of its own is what the
// configuration of the container promises. That it is one of this kind at all,
// setns(2) checks.
func foreign(fd int, kind string) error {
	var theirs, ours unix.Stat_t
	if err := unix.Fstat(fd, &theirs); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if err := unix.Stat("/proc/self/ns/"+kind, &ours); err != nil {
		return os.NewSyscallError("stat", err)
	}
	if theirs.Dev == ours.Dev && theirs.Ino == ours.Ino {
		return fmt.Errorf("the container has no %s namespace of its own", kind)
	}
	return nil
}
