package quick

// #include "quick.h"
import "C"

import "os"

// Network is the network namespace that was made before this Go runtime (network.c),
// with its loopback device up; nil where there is none. It can be had once, and waits
// until it is there.
func Network() *os.File {
	if fd := C.jail_network(); fd >= 0 {
		return os.NewFile(uintptr(fd), "network namespace")
	}
	return nil
}
