package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// credentials of the process that connected, when it did.
func credentials(c *net.UnixConn) (cred *unix.Ucred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	failed := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return cred, errors.Join(failed, os.NewSyscallError("SO_PEERCRED", err))
}

// allowed refuses a peer that is not the user whose jail this is, or that is in a
// jail itself. The kernel has let nobody else come here; this is the second wall,
// for a socket that somebody passed on.
func allowed(c *net.UnixConn) error {
	cred, err := credentials(c)
	if err != nil {
		return fmt.Errorf("control channel: %w", err)
	}
	// In a supervisor's user namespace the caller is this one, and everybody
	// else's uid is none: root's of the host as well, who can become the user.
	if int(cred.Uid) != os.Geteuid() {
		return errors.New("control channel: this is the jail of another user")
	}
	if !outside(int(cred.Pid)) {
		return errors.New("control channel: not from inside of a jail")
	}
	return nil
}

// outside reports whether a process is in the PID namespace of /proc, and in none
// below it, as all that runs in a jail is: NSpid, since Linux 4.1, has a number
// for each.
func outside(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	_, pids, found := strings.Cut(string(status), "\nNSpid:")
	pids, _, _ = strings.Cut(pids, "\n")
	return err == nil && found && len(strings.Fields(pids)) == 1
}
