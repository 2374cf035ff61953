// Package userns takes a supervisor into a user and a mount namespace of its
// own, where the caller's uid is 0, before its Go runtime starts (userns.c).
//
// What does not belong here: what a supervisor does there.
package userns

// #cgo CFLAGS: -Wall -Wextra -Werror -I${SRCDIR}/../constructor
// #include "constructor.h"
// #include "userns.h"
import "C"

import (
	"fmt"
	"syscall"

	_ "github.com/jailed-claude/jailed-claude/runtime/constructor" // calls jail_enter
)

// Variable is set in the environment of a process that is executed as a
// supervisor.
const Variable = C.JAIL_STAGE_ENV

// Trial is its value in a process that only tries whether it could be one. It ends at
// once: with status 0, or with the number of an error and what failed on its standard
// error.
const Trial = C.JAIL_TRIAL

// IsSupervisor reports whether this process was started as a supervisor, or is
// the half of a process that is to be one.
func IsSupervisor() bool { return C.jail_userns.supervisor != 0 }

// HostRoot is the folder that is the host's root in the root of a container in
// which another runtime executes a supervisor.
const HostRoot = C.JAIL_HOST_ROOT

// Adopted is the environment of such a supervisor. A byte on its socket told
// says that the runtime has gone, and one comes back; parent is who wanted it, and cwd where it is to be.
// A trial ends at once, with status 0 where a jail could be made.
func Adopted(told, parent int, cwd string, trial bool) []string {
	stage := fmt.Sprintf("%s=%s%d:%d", Variable, C.JAIL_ADOPTED, told, parent)
	if trial {
		stage += "t"
	}
	return []string{stage, C.JAIL_CWD_ENV + "=" + cwd}
}

// Error is what a host answers that does not let this user make a user
// namespace.
type Error struct {
	// Step is the system call or file that failed.
	Step string
	Err  error
}

func (e *Error) Error() string {
	return fmt.Sprintf("no user namespace: %s: %v", e.Step, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Entered returns nil in a supervisor that is in its namespaces, and otherwise
// why it is not.
func Entered() error {
	u := C.jail_userns
	switch {
	case u.entered != 0:
		return nil
	case u.step == nil:
		return &Error{Step: "constructor", Err: syscall.ENOSYS}
	}
	return &Error{Step: C.GoString(u.step), Err: syscall.Errno(u.error)}
}

// Caller is who started the supervisor: the ids that stand for 0 inside.
func Caller() (uid, gid int) { return int(C.jail_userns.uid), int(C.jail_userns.gid) }

// SharesKeyring reports whether this supervisor, and what it starts, has the empty
// session keyring that all jails of the caller share, and not the caller's own.
func SharesKeyring() bool { return C.jail_userns.shares != 0 }
