package wall

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// NewNamespace makes a network namespace that only its descriptor keeps, with its
// loopback device up, as libcontainer makes them.
func NewNamespace() (ns *os.File, err error) {
	made := make(chan struct{})
	go func() {
		defer close(made)
		// Never unlocked: the thread has another network and ends with this.
		runtime.LockOSThread()
		if err = os.NewSyscallError("unshare(CLONE_NEWNET)", unix.Unshare(unix.CLONE_NEWNET)); err == nil {
			if err = loopbackUp(); err == nil {
				ns, err = os.Open("/proc/thread-self/ns/net")
			}
		}
	}()
	<-made
	return ns, err
}

// loopbackUp sets up the loopback device of this thread's network namespace
// (netdevice(7)).
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(s)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("ioctl(SIOCSIFFLAGS)", unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo))
}
