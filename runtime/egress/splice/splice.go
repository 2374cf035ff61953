package splice

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// net.TCPConn.ReadFrom would splice as well, but keeps a pipe from its first
// byte to its last. Two pipes for each idle connection use up the caller's
// file descriptors and, more so, fs.pipe-user-pages-soft: from 16,384 pages on
// all pipes of the user are small ones. So a pipe is borrowed here when there
// is something to put into it, and given back when it is empty.

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

// transfer is one direction of a connection on its way. Its two functions are
// made once, so that nothing is allocated for a chunk.
type transfer struct {
	pipe  *pipe
	in    int // bytes in the pipe
	total *atomic.Int64
	err   error
}

// Copy copies from src to dst until src ends, through a pipe in the kernel
// (splice(2)), and adds to n what dst has taken. It waits where dst does not
// take it: that holds up src.
func Copy(dst, src *net.TCPConn, n *atomic.Int64) error {
	from, err := src.SyscallConn()
	if err != nil {
		return err
	}
	to, err := dst.SyscallConn()
	if err != nil {
		return err
	}
	t := &transfer{total: n}
	defer func() {
		if t.pipe != nil {
			t.pipe.put(t.in == 0)
		}
	}()
	return t.run(from, to)
}

func (t *transfer) run(from, to syscall.RawConn) error {
	fill, drain := t.fill, t.drain
	for {
		if err := from.Read(fill); err != nil {
			return err
		}
		if t.err != nil || t.in == 0 {
			return t.err // in is 0: the end
		}
		if err := to.Write(drain); err != nil {
			return err
		}
		if t.err != nil {
			return t.err
		}
	}
}

// fill moves what there is from the socket into the empty pipe. False: wait.
func (t *transfer) fill(fd uintptr) bool {
	if t.pipe == nil {
		if t.pipe, t.err = getPipe(); t.err != nil {
			return true
		}
	}
	for {
		n, err := unix.Splice(int(fd), nil, t.pipe.w, nil, chunk, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			t.pipe.put(true)
			t.pipe = nil
			return false
		}
		t.in, t.err = int(n), os.NewSyscallError("splice", err)
		return true
	}
}

// drain moves the pipe's content into the socket. False: wait.
func (t *transfer) drain(fd uintptr) bool {
	for t.in > 0 {
		n, err := unix.Splice(t.pipe.r, nil, int(fd), nil, t.in, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return false
		case err != nil:
			t.err = os.NewSyscallError("splice", err)
			return true
		}
		t.in -= int(n)
		t.total.Add(n)
	}
	return true
}
