package lock

import (
	"errors"
	"fmt"
)

// Sentinels for errors.Is.
var (
	// ErrFormat: Parse was given something that is no lock, or not one that
	// this release reads. The error is a *ParseError.
	ErrFormat = errors.New("not a lock file")
	// errNotRegular: Read found a symlink, folder or device in place of the
	// lock file.
	errNotRegular = errors.New("not a regular file")
	// errNotNar: a store path holds what no NAR can: a device, a socket, a
	// FIFO.
	errNotNar = errors.New("neither a file nor a folder nor a symlink")
	// errChanging: a file of a store path changed while it was read.
	errChanging = errors.New("changed while it was read")
)

// ParseError is what is wrong in a lock file, and in which line.
type ParseError struct {
	// Line counts from 1.
	Line    int
	Problem string
	// Newer: the file is of a later format.
	Newer bool
}

func (e *ParseError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

func (e *ParseError) Unwrap() error { return ErrFormat }
