package quick

// #include "quick.h"
import "C"

import "os"

// Apart has the first thread of this process, which makes the container, run on
// a processor where no other of its threads does (place.c). New threads are
// started by others than the first: it is locked to its goroutine.
func Apart() { C.jail_apart() }

// Release gives a process of one thread, PID 1 of a jail, what the caller has:
// the processors and the time slice.
func Release(pid int) error {
	if r, err := C.jail_give_processors(C.pid_t(pid)); r != 0 {
		return os.NewSyscallError("sched_setaffinity", err)
	}
	if r, err := C.jail_give_slice(C.pid_t(pid)); r != 0 {
		return os.NewSyscallError("sched_setattr", err)
	}
	return nil
}

// Together lets all threads of this process run where the caller may, and as
// long. It has to be called before another program is started, which would
// inherit less.
func Together() { C.jail_together() }
