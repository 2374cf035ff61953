package supervisor

// #cgo CFLAGS: -Wall -Wextra -Wno-unused-parameter -Werror -I${SRCDIR}/../constructor
// #include "userns.h"
import "C"

import (
	"fmt"
	"syscall"
)

// stageEnv tells a re-executed binary that it is a supervisor; userns.c knows
// it too.
const stageEnv = C.JAIL_STAGE_ENV

// UserNSError is returned by Main where the host does not let this user make a
// user namespace.
type UserNSError struct {
	// Step is the system call or file that failed.
	Step string
	Err  error
}

func (e *UserNSError) Error() string {
	return fmt.Sprintf("no user namespace: %s: %v", e.Step, e.Err)
}

func (e *UserNSError) Unwrap() error { return e.Err }

// entered reports what the constructor did.
func entered() error {
	u := C.jail_userns
	switch {
	case u.entered != 0:
		return nil
	case u.step == nil:
		return &UserNSError{Step: "constructor", Err: syscall.ENOSYS}
	}
	return &UserNSError{Step: C.GoString(u.step), Err: syscall.Errno(u.error)}
}
