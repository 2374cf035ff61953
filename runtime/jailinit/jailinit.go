package jailinit

// #cgo CFLAGS: -Wall -Wextra -Werror -I${SRCDIR}/../constructor -I${SRCDIR}/../message
import "C"

import _ "github.com/jailed-claude/jailed-claude/runtime/constructor" // calls jail_pid1
