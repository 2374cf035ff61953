//go:build faults

package quick

// #cgo CFLAGS: -DJAIL_FAULTS
import "C"
