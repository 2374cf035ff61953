package runtime

import (
	"os"
	goruntime "runtime"

	// The C code that enters namespaces. Not cgroups/devices, which runc imports
	// too: no cgroup of ours has device rules, and what compiles them for eBPF
	// would be initialised three times in a start.
	_ "github.com/opencontainers/runc/libcontainer/nsenter"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/bridge/desk"
	_ "github.com/jailed-claude/jailed-claude/runtime/enough" // before a start
	"github.com/jailed-claude/jailed-claude/runtime/hook"
	"github.com/jailed-claude/jailed-claude/runtime/jailinit"
	"github.com/jailed-claude/jailed-claude/runtime/key/asker"
	"github.com/jailed-claude/jailed-claude/runtime/quick"
	"github.com/jailed-claude/jailed-claude/runtime/supervisor"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
)

// isInit: libcontainer started this process as its init. The argument alone
// would take a user's "jailed-claude init" for it.
func isInit() bool {
	return len(os.Args) > 1 && os.Args[1] == "init" && os.Getenv("_LIBCONTAINER_INITPIPE") != ""
}

// Both have to be on the first thread: what they make dies with the thread that
// made it, and processors are given to that one (place.c). While packages are
// initialised the main goroutine is there; in main the scheduler may already
// have moved it, where other processes want the processors.
func init() {
	if isInit() || userns.IsSupervisor() {
		goruntime.LockOSThread()
	}
}

// Reexec plays the part that this process was started for, if any.
//
// As libcontainer's init it does not return. As a supervisor, as the keeper
// of an exported bundle's network, or beside PID 1, it returns true and the exit status. Otherwise it returns false.
//
// Preconditions: first in main, on the main goroutine.
func Reexec() (status int, err error, ok bool) {
	if jailinit.Pass() {
		return 0, nil, true
	}
	if isInit() {
		quick.Punctual()
		// Without this an init that waits for a supervisor that was killed
		// waits for ever. libcontainer keeps the setting across execve.
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
			return 0, os.NewSyscallError("prctl(PR_SET_PDEATHSIG)", err), true
		}
		libcontainer.Init()
	}
	if hook.IsKeeper() {
		return hook.Keep(), nil, true
	}
	if desk.Is(os.Args[0]) {
		return desk.Main(os.Args[1:]), nil, true
	}
	if asker.Is(os.Args[0]) {
		return asker.Main(), nil, true
	}
	if !userns.IsSupervisor() {
		quick.Punctual()
		quick.Together()
		return 0, nil, false
	}
	status, err = supervisor.Main()
	return status, err, true
}
