package splice

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Two pipes for each idle connection would use up the caller's file descriptors
// and, more so, fs.pipe-user-pages-soft: from 16,384 pages on all pipes of the
// user are small ones. So a pipe is borrowed when there is something to put into
// it, and given back when it is empty.

// chunk is how much is moved at a time: a pipe's size, where the user may have
// that much (pipe(7), "Pipe capacity").
const chunk = 256 << 10

type pipe struct{ r, w int }

// pipes that nobody uses. Few are in use at a time.
var pipes struct {
	sync.Mutex
	free []*pipe
}

// maxFree pipes are kept.
const maxFree = 8

func getPipe() (*pipe, error) {
	pipes.Lock()
	if n := len(pipes.free); n > 0 {
		p := pipes.free[n-1]
		pipes.free = pipes.free[:n-1]
		pipes.Unlock()
		return p, nil
	}
	pipes.Unlock()
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	_, _ = unix.FcntlInt(uintptr(fd[1]), unix.F_SETPIPE_SZ, chunk) // a small one does as well
	return &pipe{fd[0], fd[1]}, nil
}

// put gives p back; only an empty one is used again.
func (p *pipe) put(empty bool) {
	if empty {
		pipes.Lock()
		defer pipes.Unlock()
		if len(pipes.free) < maxFree {
			pipes.free = append(pipes.free, p)
			return
		}
	}
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

// Drop closes the pipes that nobody uses.
func Drop() {
	pipes.Lock()
	defer pipes.Unlock()
	for _, p := range pipes.free {
		_ = unix.Close(p.r)
		_ = unix.Close(p.w)
	}
	pipes.free = nil
}
