package announcement

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Seen is what was read of a file.
type Seen struct {
	Jail
	// Constant is nil where the jail is starting or ending.
	*Constant
	// Shown, Typed and Called are how long that is ago; negative for never.
	Shown, Typed, Called time.Duration
	Refused, Viewers     int
}

// errOther: it is not what a supervisor made.
var errOther = errors.New("this is no announcement")

// maxFile is more than there is in one: three names and a path, behind a page.
const maxFile = 4 * atJail

// Read reads a file by the path of a descriptor of a process, whose own it has to be.
//
// Preconditions: the process is not this one, whose lock it would give up.
func Read(path string, pid int) (s Seen, err error) {
	// By now the descriptor may be another one, of something that would wait.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return s, os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	lock := unix.Flock_t{Type: unix.F_RDLCK}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_GETLK, &lock); err != nil {
		return s, os.NewSyscallError("lock", err)
	}
	if lock.Type != unix.F_WRLCK || int(lock.Pid) != pid {
		return s, errOther
	}
	// The lengths first: what they are of was there before.
	buf := make([]byte, maxFile)
	n, err := unix.Pread(fd, buf[:atConstant], 0)
	if err == nil && n == atConstant {
		n, err = unix.Pread(fd, buf[atConstant:], atConstant)
	}
	if err != nil {
		return s, os.NewSyscallError("read", err)
	}
	if n <= atJail-atConstant {
		return s, io.ErrUnexpectedEOF
	}
	return decode(buf[:atConstant+n], Now())
}

func decode(file []byte, at int64) (s Seen, err error) {
	j := strings.Split(string(file[atJail:]), "\x00")
	if len(j) != 4 {
		return s, errOther
	}
	s.Jail = Jail{ID: j[0], Project: j[2], Agent: j[3]}
	if sec, err := strconv.ParseInt(j[1], 10, 64); err == nil {
		s.Started = time.Unix(sec, 0)
	}
	number := func(offset uintptr) int64 { return int64(binary.NativeEndian.Uint64(file[offset:])) }
	ago := func(offset uintptr) time.Duration {
		if t := number(offset); t > 0 {
			return max(0, time.Duration(at-t))
		}
		return -1
	}
	var layout State
	s.Shown, s.Typed, s.Called = ago(unsafe.Offsetof(layout.Shown)), ago(unsafe.Offsetof(layout.Typed)), ago(unsafe.Offsetof(layout.Called))
	s.Refused, s.Viewers = int(number(unsafe.Offsetof(layout.Refused))), int(number(unsafe.Offsetof(layout.Viewers)))
	n := number(unsafe.Offsetof(layout.length))
	if n <= 0 || n > atJail-atConstant {
		return s, nil
	}
	if c := strings.Split(string(file[atConstant:atConstant+n]), "\x00"); len(c) == 5 {
		s.Constant = &Constant{Network: c[0], Detached: c[1] == "true", Terminal: c[2] == "true", LayerName: c[3]}
		if c[4] != "" {
			s.Layers = strings.Split(c[4], ",")
		}
	}
	return s, nil
}
