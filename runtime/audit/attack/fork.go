package attack

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Call is one system call of an attack.
type Call struct {
	nr   uintptr
	args [6]uintptr
	// ABI is 0 for the native one, ABI32 for int 0x80.
	ABI int
}

// ABI32 is the interface of 32-bit programs.
const ABI32 = 1

const resultBase = 0x5a5a0000

// ResultOf stands for what an earlier call of the same attack returned.
func ResultOf(of int) uintptr { return resultBase + uintptr(of) }

// Sys is a native system call.
func Sys(nr uintptr, args ...uintptr) Call {
	c := Call{nr: nr}
	copy(c.args[:], args)
	return c
}

// killedError: a signal ended the process that made the calls.
type killedError struct{ signal syscall.Signal }

func (e *killedError) Error() string { return "killed by " + unix.SignalName(e.signal) }

// Forked makes the calls in a process of its own: some are for processes with a
// single thread only, and a filter may kill who makes them. It returns the error
// of the first call that failed.
func Forked(calls ...Call) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, e := fork(calls, new([16]uintptr))
	if e != 0 {
		return fmt.Errorf("fork: %w", e)
	}
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(int(pid), &ws, 0, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait: %w", err)
		}
	}
	switch {
	case ws.Signaled():
		return &killedError{ws.Signal()}
	case ws.ExitStatus() != 0:
		return syscall.Errno(ws.ExitStatus())
	}
	return nil
}

// defaultAction is struct sigaction with SIG_DFL.
var defaultAction [4]uint64

// fork and child must not split their stacks: where the Go runtime looks at the
// size of a stack it may switch to another goroutine, and in the copy of one of
// its threads there must be nothing but system calls.
//
//go:nosplit
//go:norace
func fork(calls []Call, results *[16]uintptr) (pid uintptr, e syscall.Errno) {
	pid, _, e = syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if e == 0 && pid == 0 {
		child(calls, results)
	}
	return pid, e
}

// child never returns.
//
//go:nosplit
//go:norace
func child(calls []Call, results *[16]uintptr) {
	// A filter can have the first delivered in place of an end; the second is
	// int 0x80 where the kernel has no 32-bit system calls. Go's handlers would
	// report, and end with a status that looks like an errno.
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGSYS), uintptr(unsafe.Pointer(&defaultAction)), 0, 8, 0, 0)
	_, _, _ = syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGSEGV), uintptr(unsafe.Pointer(&defaultAction)), 0, 8, 0, 0)
	for i := range calls {
		c := &calls[i]
		a := c.args
		for j := range a {
			if k := a[j] - resultBase; k < uintptr(len(results)) {
				a[j] = results[k]
			}
		}
		var r uintptr
		var e syscall.Errno
		if c.ABI == ABI32 {
			r = int80(c.nr, a[0], a[1], a[2], a[3], a[4])
			if int32(r) < 0 && int32(r) > -4096 {
				e = syscall.Errno(-int32(r))
			}
		} else {
			r, _, e = syscall.RawSyscall6(c.nr, a[0], a[1], a[2], a[3], a[4], a[5])
		}
		if e != 0 {
			_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(e), 0, 0)
		}
		results[i&15] = r
	}
	_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
}

// What system calls point to stays where it is, for ever: it is little.
var (
	keptMu sync.Mutex
	kept   []any
)

// Keep is the address of a value.
func Keep[T any](v *T) uintptr {
	keptMu.Lock()
	defer keptMu.Unlock()
	kept = append(kept, v)
	return uintptr(unsafe.Pointer(v))
}

// CString is the address of a C string.
func CString(s string) uintptr {
	b := append([]byte(s), 0)
	keptMu.Lock()
	defer keptMu.Unlock()
	kept = append(kept, b)
	return uintptr(unsafe.Pointer(&b[0]))
}

// Buffer is the address of n bytes, and the bytes.
func Buffer(n int) (uintptr, []byte) {
	b := make([]byte, n)
	keptMu.Lock()
	defer keptMu.Unlock()
	kept = append(kept, b)
	return uintptr(unsafe.Pointer(&b[0])), b
}

// Minus is a negative number as an argument.
func Minus(n int) uintptr { return ^uintptr(n - 1) }

// AtCwd is AT_FDCWD.
var AtCwd = Minus(100)
