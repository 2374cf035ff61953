// Package heap has the Go heap of each process of a start in huge pages. A start
// touches some 900 pages of three heaps for the first time, which is two fifths
// of its page faults, and one fault takes about a microsecond, or ten where the
// host virtualises memory in software. A huge page is one fault for 512 of them.
//
// Where transparent huge pages are "always" on, the kernel does so anyway; where
// they are on when asked for ("madvise"), this asks (heap.c). Where they are off
// or the kernel finds no huge page, nothing changes.
package heap

// #cgo CFLAGS: -Wall -Wextra -Wno-unused-parameter -Werror
// #include "heap.h"
import "C"

import "runtime/debug"

// Settle gives back what this process's heap does not use. Huge pages are not
// asked for any more: of one that is given back in part the kernel would soon
// have all there again (khugepaged, admin-guide/mm/transhuge.rst).
func Settle() {
	asked := int(C.jail_small_pages())
	// What the heap has never used the runtime believes not to be there, and does
	// not give back. So all of it is used, by objects that are a span each and
	// that nobody writes to.
	const span = 8 << 10
	all := make([]*[span]byte, asked/span)
	for i := range all {
		all[i] = new([span]byte)
	}
	debug.FreeOSMemory()
}
