package enough

// #cgo CFLAGS: -Wall -Wextra -Werror -I${SRCDIR}/../constructor
import "C"
