// Package memfd makes files that are in memory alone, for what crosses from one
// process to another.
//
// What does not belong here: what is in them.
package memfd

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Create makes an empty file that Seal can seal.
func Create(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Seal writes the content of a file, which then cannot change any more.
func Seal(f *os.File, content []byte) error {
	if _, err := f.Write(content); err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	return os.NewSyscallError("seal", err)
}
