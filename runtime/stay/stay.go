// Package stay keeps libcontainer's init on one processor until PID 1 of a jail
// is told to go on. It is a constructor in C (stay.c).
package stay

// #cgo CFLAGS: -Wall -Wextra -Werror
import "C"
