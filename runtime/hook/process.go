package hook

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is one process, and no later one of the same number.
type process struct {
	PID int
	// Started is when, in clock ticks since boot (proc(5), stat, field 22).
	Started string
}

func (p process) String() string { return strconv.Itoa(p.PID) + ":" + p.Started }

func parseProcess(s string) (process, bool) {
	pid, started, ok := strings.Cut(s, ":")
	n, err := strconv.Atoi(pid)
	return process{n, started}, ok && err == nil && started != ""
}

// lookAt reads what a process is from /proc, and its state.
func lookAt(pid int) (p process, state string, err error) {
	name, fields, err := stat(pid)
	if err != nil {
		return p, "", err
	}
	if len(fields) <= 22-firstField {
		return p, "", fmt.Errorf("%s has %d fields", name, len(fields))
	}
	return process{pid, fields[22-firstField]}, fields[0], nil
}

// firstField is the number in proc(5) of the first field that stat returns.
const firstField = 3

// stat returns the fields of a process's stat that follow its name, which may
// hold anything, but ends with the last parenthesis.
func stat(pid int) (name string, fields []string, err error) {
	name = "/proc/" + strconv.Itoa(pid) + "/stat"
	text, err := os.ReadFile(name)
	if err != nil {
		return name, nil, err
	}
	fields = strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 2 {
		return name, nil, fmt.Errorf("%s is not as proc(5) says", name)
	}
	return name, fields, nil
}

// parentOf is the parent of a process, as this PID namespace sees it.
func parentOf(pid int) (int, error) {
	_, fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(fields[4-firstField])
}

// alive reports whether the process still runs; a zombie does not.
func (p process) alive() bool {
	now, state, err := lookAt(p.PID)
	return err == nil && now == p && state != "Z" && state != "X"
}

// await waits until the process behind a pidfd has ended, at most for the time
// that is given, for ever if that is negative.
func await(pidfd *os.File, most time.Duration) (ended bool, err error) {
	ms := -1
	if most >= 0 {
		ms = int(most.Milliseconds())
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd.Fd()), Events: unix.POLLIN}}, ms)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return n > 0, os.NewSyscallError("poll", err)
	}
}
