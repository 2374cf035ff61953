package supervisor

// #include "memory.h"
// #include "userns.h"
import "C"

import (
	"os"
	"runtime/debug"
	"time"

	"github.com/jailed-claude/jailed-claude/runtime/heap"
)

// settled is how long after its program began a jail counts as started.
const settled = time.Second

// shrink gives memory back when the start is over: most of what this process
// then has is its code of which the kernel has mapped more than was asked for,
// and what the start has left on the heap.
func shrink() {
	time.AfterFunc(settled, func() {
		if os.Getenv("GOGC") == C.JAIL_START_GOGC {
			debug.SetGCPercent(100)
		}
		heap.Settle()
		C.jail_forget_code()
	})
}
