package quick

// #include "quick.h"
import "C"

import "os"

// Half is the other half of a process that was split in two (split.c): the one
// that plans a jail, or the one that will be its supervisor.
type Half struct {
	Socket *os.File
	PID    int
}

// OtherHalf is nil in a process that was not split. It can be had once.
func OtherHalf() *Half {
	h := &C.jail_halves
	if h.done == 0 || h.peer < 0 {
		return nil
	}
	half := &Half{os.NewFile(uintptr(h.peer), "other half"), int(h.other)}
	h.peer = -1
	return half
}

// Peer is the other half of a process that nobody has had yet: its PID and the
// descriptor of its socket. That is -1 where there is none.
func Peer() (pid, socket int) {
	h := &C.jail_halves
	if h.done == 0 {
		return 0, -1
	}
	return int(h.other), int(h.peer)
}
