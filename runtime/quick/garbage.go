package quick

import (
	"os"
	"runtime/debug"
)

// Garbage is trick "garbage" (1 % of a start at 300 paths, 11 % at 2,000;
// 2026-11-28): none is collected below 16 MB. A start of thousands of paths
// would collect garbage, of which there is none yet. Forget undoes it.
//
// It leaves a limit of the caller's (GOGC) alone.
func Garbage() {
	if os.Getenv("GOGC") == "" && !without("garbage") {
		debug.SetGCPercent(400)
	}
}

// collect has garbage collected as usual.
func collect() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(100)
	}
}
