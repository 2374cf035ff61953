package splice

import (
	"errors"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// States of a flow.
const (
	waitsRead  int32 = iota // for bytes of src
	waitsWrite              // until dst takes more
	running                 // a goroutine moves bytes
	again                   // the same, and one of the sockets has reported since
	over
)

// flow is one direction of a pair.
type flow struct {
	src, dst int
	state    atomic.Int32
	moved    atomic.Int64 // bytes that dst has taken
	pipe     *pipe
	in       int // bytes in the pipe
}

// wake says that a socket reported something, for which f may wait; -1 is for
// everything. It says whether f has to be run now.
func (f *flow) wake(what int32) bool {
	for {
		s := f.state.Load()
		switch {
		case s == running:
			if f.state.CompareAndSwap(running, again) {
				return false
			}
		case s == what || what < 0 && s < running:
			if f.state.CompareAndSwap(s, running) {
				return true
			}
		default:
			return false // it waits for something else, or is to be run again, or over
		}
	}
}

// rest: f waits, unless a socket has reported since it was last tried.
func (f *flow) rest(what int32) bool {
	if f.state.CompareAndSwap(running, what) {
		return true
	}
	f.state.Store(running)
	return false
}

// move moves bytes until src has no more or dst takes no more, and says which of
// them is waited for; over is the end of src.
func (f *flow) move() (waits int32, err error) {
	for {
		if f.in == 0 {
			n, err := f.fill()
			if n <= 0 || err != nil {
				f.give()
			}
			if err != nil || n < 0 {
				return waitsRead, err
			}
			if n == 0 {
				return over, nil
			}
			f.in = n
		}
		n, err := splice(f.pipe.r, f.dst, f.in)
		if err != nil || n < 0 {
			return waitsWrite, err
		}
		f.in -= n
		f.moved.Add(int64(n))
	}
}

// fill moves what there is from the socket into the empty pipe.
func (f *flow) fill() (n int, err error) {
	if f.pipe == nil {
		if f.pipe, err = getPipe(); err != nil {
			return 0, err
		}
	}
	return splice(f.src, f.pipe.w, chunk)
}

// give gives the pipe back.
func (f *flow) give() {
	if f.pipe != nil {
		f.pipe.put(f.in == 0)
		f.pipe = nil
	}
}

// splice moves up to most bytes; -1: it would have to wait.
func splice(from, to, most int) (int, error) {
	for {
		n, err := unix.Splice(from, nil, to, nil, most, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return -1, nil
		default:
			return int(n), os.NewSyscallError("splice", err)
		}
	}
}
