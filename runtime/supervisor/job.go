package supervisor

import (
	"os"
	"os/signal"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/pty"
)

// job makes a running jail behave like any job of the caller's shell: signals
// reach the agent, and when the agent stops the supervisor stops.
type job struct {
	pid     int
	send    func(unix.Signal)
	console *console
	stops   <-chan struct{}
	signals chan os.Signal
	// killed: the jail was ended because something appeared, or is lost.
	killed bool
}

// afterHangup is how long an agent may run on that ignores SIGHUP when its terminal
// is gone: nobody can see or stop it any more.
const afterHangup = 10 * time.Second

// forwarded go to PID 1, which passes them on to the agent. SIGTSTP is sent by
// a terminal that is not in raw mode.
var forwarded = []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTSTP}

// catchSignals has to come before the jail is created: a signal in between
// must not end the supervisor in the middle of it. Package signal asks a
// thread of its own about each of them: a millisecond, better spent beside
// something else.
func catchSignals() chan os.Signal {
	ch := make(chan os.Signal, 64)
	signal.Notify(ch, append([]os.Signal{unix.SIGWINCH}, forwarded...)...)
	return ch
}

func newJob(pid int, console *console, control *control, signals chan os.Signal) *job {
	return &job{pid: pid, send: func(s unix.Signal) { _ = unix.Kill(pid, s) }, console: console, stops: control.stops(), signals: signals}
}

// until serves signals and stops until the jail ends, and ends it when there is
// a value in appeared or lost.
func (j *job) until(done <-chan int, appeared, lost <-chan struct{}) int {
	stops := j.stops
	var gone <-chan struct{}
	var late <-chan time.Time
	if j.console != nil {
		gone = j.console.gone
	}
	end := func(killed bool) { j.killed, _ = j.killed || killed, unix.Kill(j.pid, unix.SIGKILL) } // with PID 1 everything ends
	for {
		select {
		case status := <-done:
			return status
		case <-appeared:
			end(true)
		case <-lost:
			end(true)
		case <-late:
			end(false)
		case <-gone:
			// The kernel tells those whose own terminal it was: not what su -c starts.
			if gone = nil; late == nil {
				j.send(unix.SIGHUP)
				late = time.After(afterHangup)
			}
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
			default:
				j.send(s.(unix.Signal))
				if s == unix.SIGHUP && late == nil && j.console.hungUp() {
					late = time.After(afterHangup)
				}
			}
		}
	}
}

// suspend stops this process's job as the terminal would have, and brings the
// agent back when the shell continues it.
func (j *job) suspend() {
	if j.console != nil {
		j.console.shown.Settle() // what it set back in the terminal is for the shell
	}
	if j.console != nil && j.console.screen != nil {
		if !j.console.screen.Pause() {
			_ = unix.Kill(j.pid, unix.SIGCONT)
		}
		return
	}
	if j.console != nil {
		j.console.restore()
	}
	pty.Stop()
	if s, ok := pty.Killed(os.Stdin, j.signals).(unix.Signal); ok {
		_ = unix.Kill(j.pid, s)
	} else if j.console != nil {
		if err := j.console.raw(); err != nil {
			logrus.WithError(err).Debug("terminal")
		}
		j.console.resize()
	}
	_ = unix.Kill(j.pid, unix.SIGCONT)
}
