// Package stack gives the main goroutine a stack as large as it needs, first
// thing in each process of a start.
//
// A goroutine's stack begins with some KiB and grows by being copied to one of
// twice the size. Each time the Go runtime walks through all frames, and looks
// into tables all over the binary for it, which the kernel has to map first:
// one or two percent of a start.
//
// What does not belong here: imports. The Go runtime initialises packages by
// import path as soon as their own imports are (since Go 1.21), so this one is
// initialised before nearly all others, while there are hardly any frames.
package stack

// size is more than anything in a start needs.
const size = 32 << 10

func init() { grow() }

// grow grows the stack of the calling goroutine, if it is smaller, so that size
// more bytes fit.
func grow() { deep(false) }

// deep has a frame that has to fit on the stack whether it is used or not.
//
//go:noinline
func deep(use bool) {
	if use {
		var frame [size]byte
		fill(&frame)
	}
}

//go:noinline
func fill(frame *[size]byte) { frame[0] = 1 }
