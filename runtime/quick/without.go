package quick

// #include <stdlib.h>
// #include "quick.h"
import "C"

import "unsafe"

// without reports whether a trick is switched off: fault.Without names it, or
// "all", and this program has faults (runtime/fault). In a release it is false.
func without(trick string) bool {
	name := C.CString(trick)
	defer C.free(unsafe.Pointer(name))
	return C.jail_without(name) != 0
}
