package attack

// ForeignABI says that this machine has other system call interfaces beside its own.
const ForeignABI = true

// int80 makes a system call by the 32-bit interface. It returns what the kernel
// does: a negative errno in 32 bits.
//
//go:noescape
func int80(nr, a0, a1, a2, a3, a4 uintptr) uintptr
