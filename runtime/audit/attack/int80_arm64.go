package attack

import "golang.org/x/sys/unix"

// ForeignABI is false: 32-bit system calls of arm64 need a 32-bit program.
const ForeignABI = false

func int80(_, _, _, _, _, _ uintptr) uintptr { return Minus(int(unix.ENOSYS)) }
