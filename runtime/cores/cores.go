package cores

import (
	"os"

	"golang.org/x/sys/unix"
)

// Hide keeps the memory of this process out of core files: it holds keys.
// A soft limit of 1 byte also keeps it from a program that collects cores,
// which no other limit does (core(5)). What runs in the jail has a limit of its
// own. Undumpable (PR_SET_DUMPABLE) would do it too, and hide this process
// from "list", which reads its environment.
func Hide() error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &l); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	l.Cur = min(1, l.Max)
	return os.NewSyscallError("setrlimit", unix.Setrlimit(unix.RLIMIT_CORE, &l))
}
