// Package regular opens files that must be regular ones.
//
// What does not belong here: files that somebody else may have put there, whose
// owner and folder matter as well (package trust).
package regular

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Open opens a file of our own for reading. A FIFO that somebody put in its
// place is not waited for.
func Open(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%q is no regular file", file)
	}
	return f, nil
}
