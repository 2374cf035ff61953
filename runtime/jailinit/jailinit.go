package jailinit

// #cgo CFLAGS: -Wall -Wextra -Werror
import "C"
