package quick

// #include "constructor.h"
import "C"

import (
	"runtime/debug"
	"time"
)

// settled is how long after its program began a jail counts as started.
const settled = time.Second

// Forget is trick "forget", for memory and not for the clock: when a start is
// over it gives back what an idle process does not need (forget.c). Most of that
// is code, of which the kernel has mapped more than was asked for, and what the
// start has left on the heap. The returned function keeps it from that.
func Forget() (stop func() bool) {
	return time.AfterFunc(settled, func() {
		collect()
		GiveBack()
	}).Stop
}

// GiveBack gives back what this process does not need to be idle.
func GiveBack() {
	if without("forget") {
		return
	}
	debug.FreeOSMemory()
	C.jail_forget_code()
}
