package quick

// #include "quick.h"
import "C"

// Punctual gives the calling thread, and those that it starts from now on, the
// timer slack that this process was started with (slack.c).
func Punctual() { C.jail_be_punctual() }
