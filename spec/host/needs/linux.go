package needs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// tryNamespaces makes a process in a user namespace of its own, which then
// makes the namespaces of flags in there. The second step is the point: where
// AppArmor restricts user namespaces, the first succeeds and leaves the process
// without the capabilities that the second needs. (CapEff would not tell: it
// shows capabilities that AppArmor then refuses.) For a mount namespace it also
// changes the propagation of "/", which is a mount operation.
//
// No program is run, so none has to exist: the name to execute is longer than
// any name may be, and the kernel says so only when all else has worked.
func tryNamespaces(uid, gid int) func(flags uintptr) error {
	const nameMax = 255
	tooLong := "/" + strings.Repeat("x", nameMax+1)
	return func(flags uintptr) error {
		attr := &os.ProcAttr{Sys: &syscall.SysProcAttr{
			Cloneflags:   unix.CLONE_NEWUSER,
			Unshareflags: flags,
			UidMappings:  []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}},
			GidMappings:  []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}},
		}}
		process, err := os.StartProcess(tooLong, []string{"none"}, attr)
		if err == nil { // cannot be
			_, err = process.Wait()
			return err
		}
		if errors.Is(err, unix.ENAMETOOLONG) {
			return nil
		}
		if pe, ok := errors.AsType[*os.PathError](err); ok {
			err = pe.Err // the path says nothing
		}
		return err
	}
}

// netfilterSocket finds a kernel without any netfilter: to ask more takes a
// network namespace of one's own.
func netfilterSocket(context.Context) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return fmt.Errorf("no netfilter in this kernel: %w", err)
	}
	return unix.Close(fd)
}

// landlockVersion asks landlock_create_ruleset(2), since kernel 5.13.
func landlockVersion() (int, error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, errno
	}
	return int(v), nil
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}
