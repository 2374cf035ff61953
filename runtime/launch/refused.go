package launch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
)

// Refused is that this host makes no namespaces for a supervisor. The other half of
// this process, if there is one, follows it to its end, so it may still start the jail.
type Refused struct {
	Why *userns.Error
	fds []int
}

func (r *Refused) Error() string { return r.Why.Error() }

func (r *Refused) Unwrap() error { return r.Why }

// Files are what a supervisor gets, in its order, behind 0, 1 and 2, and Env is its
// environment then.
func (r *Refused) Files() (files []*os.File, env []string, err error) {
	fds := r.fds
	d, detached := IsDetached()
	if detached {
		fds = append(slices.Clip(fds), d.FD, d.FD+1)
	}
	const first = 3
	for i, fd := range fds {
		// Not to be closed with what it was made from.
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, first)
		if err != nil {
			return nil, nil, os.NewSyscallError("fcntl", err)
		}
		files = append(files, os.NewFile(uintptr(own), "handed over"))
		if i < len(r.fds) {
			env = append(env, fdEnv+strconv.Itoa(i)+"="+strconv.Itoa(first+i))
		}
	}
	for _, e := range forDevelopers() {
		if !detached || !strings.HasPrefix(e, detachedEnv+"=") {
			env = append(env, e)
		}
	}
	if detached {
		d.FD = first + len(r.fds)
		env = append(env, d.Environ())
	}
	return files, env, nil
}

// refusalText and refusal write and read what failed.
func refusalText(why *userns.Error) string {
	var errno syscall.Errno
	errors.As(why.Err, &errno)
	return fmt.Sprintf("%d %s", int(errno), why.Step)
}

func refusal(text string) *userns.Error {
	errno, step, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(errno)
	if err != nil {
		return &userns.Error{Step: text, Err: unix.EPERM}
	}
	return &userns.Error{Step: step, Err: syscall.Errno(n)}
}

// try has a process make the namespaces of a supervisor where none runs yet, and
// returns why it cannot.
func try() *userns.Error {
	c, said := exec.Command("/proc/self/exe"), new(strings.Builder)
	c.Env, c.Stderr = []string{userns.Variable + "=" + userns.Trial}, said
	if c.Run() == nil {
		return nil
	}
	return refusal(said.String())
}

// Close lets go of what the supervisor has. Whoever waits for a detached jail waits
// until nobody else can announce it.
func (r *Refused) Close() {
	for _, fd := range r.fds {
		_ = unix.Close(fd)
	}
	closeDetached()
}

func closeDetached() {
	if d, ok := IsDetached(); ok {
		_ = unix.Close(d.FD)
		_ = unix.Close(d.FD + 1)
	}
}

// Follow has a child of this process be what the caller sees: it gets the signals of
// this process, stops and goes on with it, and its exit status is returned. The child
// has a process group of its own, so the terminal sends it none.
func Follow(pid int) (status int) {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTSTP, unix.SIGWINCH)
	defer signal.Stop(signals)
	ended := make(chan int)
	go func() {
		for {
			var ws unix.WaitStatus
			_, err := unix.Wait4(pid, &ws, unix.WUNTRACED, nil)
			switch {
			case errors.Is(err, unix.EINTR):
			case err == nil && ws.Stopped():
				pty.Stop()
				_ = unix.Kill(pid, unix.SIGCONT)
			case err == nil && ws.Signaled():
				ended <- 128 + int(ws.Signal())
				return
			default:
				ended <- ws.ExitStatus()
				return
			}
		}
	}()
	for {
		select {
		case status := <-ended:
			return status
		case s := <-signals:
			_ = unix.Kill(pid, s.(unix.Signal))
		}
	}
}
