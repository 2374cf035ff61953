package quick

// #include <stdlib.h>
// #include "quick.h"
import "C"

import "unsafe"

// Tricks are the names that GOJAIL_WITHOUT knows. Some are switched off in the
// packages that would do without them.
var Tricks = []string{"split", "place", "slice", "room", "slack", "warm", "garbage", "forget"}

// Without reports whether a trick is switched off: GOJAIL_WITHOUT names it, or
// "all", and this program has faults (runtime/fault). In a release it is false.
func Without(trick string) bool {
	name := C.CString(trick)
	defer C.free(unsafe.Pointer(name))
	return C.jail_without(name) != 0
}
