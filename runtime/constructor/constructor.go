// Package constructor is what happens before the Go runtime of a process starts:
// one constructor in C, which lists its steps in order (constructor.c).
//
// What does not belong here: the steps. Each is in the package whose process it
// is for, which imports this one.
package constructor

// #cgo CFLAGS: -Wall -Wextra -Werror
import "C"
