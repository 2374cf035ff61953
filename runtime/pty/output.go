package pty

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Output reads what programs write to a terminal, from its master, and knows when the
// reader has dealt with all of it.
type Output struct {
	master *os.File
	raw    syscall.RawConn

	mu sync.Mutex
	// waits: the reader is back for more, and there was none.
	waits bool
}

// NewOutput makes one. The master is non-blocking.
func NewOutput(master *os.File) (*Output, error) {
	raw, err := master.SyscallConn()
	return &Output{master: master, raw: raw}, err
}

// Read is that of io.Reader.
func (o *Output) Read(p []byte) (n int, err error) {
	failed := o.raw.Read(func(fd uintptr) bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		for {
			if n, err = unix.Read(int(fd), p); !errors.Is(err, unix.EINTR) {
				break
			}
		}
		o.waits = errors.Is(err, unix.EAGAIN)
		return !o.waits
	})
	switch {
	case failed != nil:
		return 0, failed
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// settles is for a terminal that takes nothing for the moment.
const settles = time.Second

// Settle waits until the reader has dealt with all that was written before, or a
// second is over.
func (o *Output) Settle() {
	for end := time.Now().Add(settles); !o.settled() && time.Now().Before(end); {
		time.Sleep(100 * time.Microsecond)
	}
}

// settled: to ask a master whether there is something has the kernel bring there
// what was written.
func (o *Output) settled() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	fds := []unix.PollFd{{Fd: int32(o.master.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return o.waits && err == nil && n == 0
}
