package audit

import "golang.org/x/sys/unix"

// foreignABI: 32-bit system calls of arm64 need a 32-bit program.
const foreignABI = false

func int80(_, _, _, _, _, _ uintptr) uintptr { return minus(int(unix.ENOSYS)) }
