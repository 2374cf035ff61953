package supervisor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Options of a jail that are not of its configuration: they change how it is
// shown and reported, not what it may do.
type Options struct {
	// ID names the jail. It is the container ID as well.
	ID string
	// Seccomp is the compiled profile of the configuration.
	Seccomp []byte
	// Summary prints one line of what really holds, before the program starts.
	Summary bool
	// Require are protections without which the jail must not start.
	Require []string
	// Strict ends the jail as soon as a watched path appears.
	Strict bool
	// LogLevel and LogFormat are logrus's ("debug", "json").
	LogLevel, LogFormat string
	// Log is the descriptor of the session's log (egress.Event, a JSON line
	// each); 0 if there is none.
	Log int
	// Keys of the jail's brokers by the brokers' names, and the certificates
	// (PEM) by which brokers know their services, nil for the system's.
	Keys  map[string]string
	Roots []byte
	// Cgroup is the folder of a cgroup v2 made for this jail; empty without
	// limits.
	Cgroup string
}

// fdEnv and an index is a variable of a supervisor that was executed as one: a
// descriptor that crossed.
const fdEnv = "_JAILED_CLAUDE_FD"

// Start makes the supervisor of j: this process is replaced by it, or ends
// where it was split in two and the other half is it. Start returns only with
// an error, and then the process is as it was.
func Start(j *contract.Jail, o Options) error {
	f, err := (&handover{Rootfs: j.Rootfs, Options: o, spec: j.Spec}).write()
	if err != nil {
		return fmt.Errorf("hand the jail over: %w", err)
	}
	defer f.Close()
	if err := fault.At(fault.HandOver); err != nil {
		return err
	}
	fds := []int{int(f.Fd())}
	if o.Log > 0 {
		fds = append(fds, o.Log)
	}
	if other := otherHalf(); other != nil {
		return hand(other.socket, fds)
	}
	env := []string{userns.Variable + "=supervisor"}
	for i, fd := range fds {
		// These cross execve.
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		env = append(env, fdEnv+strconv.Itoa(i)+"="+strconv.Itoa(fd))
	}
	for _, e := range os.Environ() {
		// GODEBUG and the like for the people who work on this.
		if strings.HasPrefix(e, "GO") {
			env = append(env, e)
		}
	}
	return os.NewSyscallError("execve", unix.Exec("/proc/self/exe", os.Args, env))
}

// hand gives the other half what it needs and ends this one, as soon as the
// other has time for that: the kernel takes a fraction of a millisecond to take
// a process apart, on the processor on which the jail is now made.
func hand(to *os.File, fds []int) error {
	if err := unix.Sendmsg(int(to.Fd()), []byte{handsOver}, unix.UnixRights(fds...), nil, 0); err != nil {
		return os.NewSyscallError("sendmsg", err)
	}
	for {
		if _, err := unix.Read(int(to.Fd()), make([]byte, 1)); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	unix.Exit(0)
	return nil
}

// errNotStarted: nobody handed anything over.
var errNotStarted = errors.New("this process was not started by jailed-claude")

// takeOver waits for what Start hands over. Where the other half ends without
// that, it has said why; h is nil then and status is its exit status.
func takeOver(other *half, a *ahead) (h *handover, status int, err error) {
	var fds []int
	if other != nil {
		if fds, status, err = other.take(a.end); err != nil || len(fds) == 0 {
			return nil, status, err
		}
	} else {
		for i := range 2 {
			if fd, err := strconv.Atoi(os.Getenv(fdEnv + strconv.Itoa(i))); err == nil {
				unix.CloseOnExec(fd)
				fds = append(fds, fd)
			}
		}
	}
	if len(fds) == 0 {
		return nil, exitOurs, errNotStarted
	}
	f := os.NewFile(uintptr(fds[0]), "jail")
	defer f.Close()
	if h, err = readHandover(f); err != nil {
		return nil, exitOurs, fmt.Errorf("take the jail over: %w", err)
	}
	h.Options.Log = 0
	if len(fds) > 1 {
		h.Options.Log = fds[1]
	}
	if err := announce(h); err != nil {
		return nil, exitOurs, err
	}
	return h, exitOurs, fault.At(fault.TakenOver)
}
