package supervisor

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// job makes a running jail behave like any job of the caller's shell: signals
// reach the agent, and when the agent stops the supervisor stops.
type job struct {
	pid     int
	console *console
	stops   <-chan struct{}
	signals chan os.Signal
}

// forwarded go to PID 1, which passes them on to the agent. SIGTSTP is sent by
// a terminal that is not in raw mode.
var forwarded = []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTSTP}

// catchSignals has to come before the jail is created: a signal in between
// must not end the supervisor in the middle of it.
func catchSignals() chan os.Signal {
	ch := make(chan os.Signal, 64)
	signal.Notify(ch, append([]os.Signal{unix.SIGWINCH, unix.SIGCONT}, forwarded...)...)
	return ch
}

func newJob(pid int, console *console, control *control, signals chan os.Signal) *job {
	return &job{pid: pid, console: console, stops: control.stops(), signals: signals}
}

// until serves signals and stops until the jail ends.
func (j *job) until(done <-chan int) int {
	stops := j.stops
	for {
		select {
		case status := <-done:
			return status
		case _, ok := <-stops:
			if !ok {
				stops = nil // PID 1 is ending
				continue
			}
			j.suspend()
		case s := <-j.signals:
			switch s {
			case unix.SIGWINCH:
				if j.console != nil {
					j.console.resize()
				}
			case unix.SIGCONT:
				// Continued from outside without having been stopped by
				// suspend: nothing to do.
			default:
				_ = unix.Kill(j.pid, s.(unix.Signal))
			}
		}
	}
}

// suspend stops this process's job as the terminal would have, and brings the
// agent back when the shell continues it.
func (j *job) suspend() {
	if j.console != nil {
		j.console.restore()
	}
	for len(j.signals) > 0 {
		<-j.signals // an old SIGCONT must not count
	}
	signal.Reset(unix.SIGTSTP)
	// To the whole process group, like the terminal. An orphaned one cannot
	// be stopped (termios(3)): then nothing happens, and the agent goes on.
	_ = unix.Kill(0, unix.SIGTSTP)
	j.awaitCont()
	signal.Notify(j.signals, unix.SIGTSTP)
	if j.console != nil {
		_ = j.console.raw()
		j.console.resize()
	}
	_ = unix.Kill(j.pid, unix.SIGCONT)
}

// awaitCont returns once the shell has continued us, or soon if it was never
// stopped at all. Time does not pass for a stopped process, so the limit is no
// limit on how long the user stays away.
func (j *job) awaitCont() {
	limit := time.After(300 * time.Millisecond)
	for {
		select {
		case s := <-j.signals:
			if s == unix.SIGCONT {
				return
			}
			if s != unix.SIGWINCH {
				_ = unix.Kill(j.pid, s.(unix.Signal))
			}
		case <-limit:
			return
		}
	}
}
