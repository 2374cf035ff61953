package quick

// #include "quick.h"
import "C"

import "os"

// Apart has the first thread of this process, which makes the container, run on
// a processor where no other of its threads does (place.c). New threads are
// started by others than the first: it is locked to its goroutine.
func Apart() { C.jail_apart() }

// choose chooses the processor of the first thread, whatever else runs on this
// machine. The constructor does it only where some are idle; this is for tests.
func choose() { C.jail_choose() }

// GiveProcessors lets a process of one thread run where the caller may.
func GiveProcessors(pid int) error {
	if r, err := C.jail_give_processors(C.pid_t(pid)); r != 0 {
		return os.NewSyscallError("sched_setaffinity", err)
	}
	return nil
}

// Together lets all threads of this process run where the caller may. It has to
// be called before another program is started, which would inherit less.
func Together() { C.jail_together() }
