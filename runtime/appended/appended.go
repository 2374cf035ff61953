// Package appended keeps what a file held before from a jail that may write to
// its end.
//
// A file that the caller opened to append to (>>) holds what was there before. A
// jail that has its descriptor could truncate it, and read it by /proc/self/fd. So
// it gets a pipe, and this process appends what comes out of it.
//
// What does not belong here: terminals, and what may come through the pipe.
package appended

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Outputs are the descriptors of this process in whose place pipes are.
type Outputs struct {
	// files are the caller's, by descriptor.
	files map[int]*os.File
	ended []chan struct{}
}

// drainTime is how long is waited, when the jail has ended, for what others may
// still have of a pipe.
const drainTime = 5 * time.Second

// Relay puts pipes in the place of standard output and error where these
// are files that were opened to append to. Both get the same pipe if both are the
// same file, so that lines stay in their order.
//
// Preconditions: nobody has them yet.
func Relay() *Outputs {
	a := &Outputs{files: map[int]*os.File{}}
	var was, st unix.Stat_t
	for _, fd := range []int{1, 2} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil || flags&unix.O_APPEND == 0 || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		kept, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			continue
		}
		if fd == 2 && a.files[1] != nil && was.Ino == st.Ino && was.Dev == st.Dev && unix.Dup3(1, fd, 0) == nil {
			a.files[fd] = os.NewFile(uintptr(kept), "appended")
			continue
		}
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			_ = unix.Close(kept)
			continue
		}
		_ = unix.Dup3(pipe[1], fd, 0)
		_ = unix.Close(pipe[1])
		f := os.NewFile(uintptr(kept), "appended")
		a.files[fd], was = f, st
		ended := make(chan struct{})
		a.ended = append(a.ended, ended)
		go func() {
			defer close(ended)
			r := os.NewFile(uintptr(pipe[0]), "pipe")
			defer r.Close()
			_, _ = io.Copy(f, r)
		}()
	}
	return a
}

// Close gives the caller's descriptors back, when all that was written is there.
func (a *Outputs) Close() {
	for fd, f := range a.files {
		_ = unix.Dup3(int(f.Fd()), fd, 0)
	}
	late := time.After(drainTime)
	for _, ended := range a.ended {
		select {
		case <-ended:
		case <-late:
		}
	}
}
