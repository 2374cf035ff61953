package main

// #cgo CFLAGS: -Wall -Wextra -Werror -I${SRCDIR}/../../runtime/constructor
import "C"
