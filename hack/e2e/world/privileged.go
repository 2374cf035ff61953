package world

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// withCgroup2 is the part "cgroup2": it runs its arguments where /sys/fs/cgroup
// is a cgroup2 file system alone. crun 1.8 starts nowhere else, and a machine
// with both kinds has a tmpfs there.
//
// Preconditions: in new user, mount and cgroup namespaces, with CAP_SYS_ADMIN
// ambient.
func withCgroup2(args []string) int {
	err := unix.Mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, "")
	if err == nil {
		err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	if err == nil {
		_ = os.Unsetenv(PartEnv)
		var program string
		if program, err = exec.LookPath(args[0]); err == nil {
			err = syscall.Exec(program, args, os.Environ())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// Privileged runs a part outside of any jail as the same user, in a user
// namespace of its own, with one capability there.
func (w *World) Privileged(part string, capability uintptr, flags uintptr, args []string) *exec.Cmd {
	w.T.Helper()
	self, err := os.Executable()
	if err != nil {
		w.T.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Dir, c.Env = w.Project, append(w.Environ(), PartEnv+"="+part)
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | flags,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
		AmbientCaps: []uintptr{capability},
	}
	return c
}

// withMount is the part "mounted": it runs a command where a folder is bound on
// itself with other flags.
//
// Arguments: the folder, the flags of mount(2) in decimal, the command.
//
// Preconditions: in new user and mount namespaces, with CAP_SYS_ADMIN ambient.
func withMount(args []string) int {
	flags, err := strconv.Atoi(args[1])
	if err == nil {
		err = unix.Mount(args[0], args[0], "", unix.MS_BIND, "")
	}
	if err == nil {
		err = unix.Mount("", args[0], "", unix.MS_REMOUNT|unix.MS_BIND|uintptr(flags), "")
	}
	if err == nil {
		err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	if err == nil {
		_ = os.Unsetenv(PartEnv)
		err = syscall.Exec(args[2], args[2:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
