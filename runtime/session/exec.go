package session

import (
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/appended"
	"github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/message"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/terminal"
)

// forwarded go to the program. SIGTSTP is sent by a terminal that is not raw.
var forwarded = []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTSTP}

// Exec runs a program in a jail, a shell if none is named, until it ends, and
// returns its exit status in the shell's notation.
func Exec(j launch.Running, args []string) (status int, err error) {
	// What comes from here on is the program's.
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, append([]os.Signal{unix.SIGWINCH}, forwarded...)...)
	c, err := control.Dial(j.PID)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	// A file that was opened to append to is not the program's to read.
	defer appended.Relay().Close()
	a := ExecArgs{Args: args}
	var files []*os.File
	var screen *os.File // where the program's terminal is shown
	for i, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		switch {
		case !pty.Is(f):
			a.Redirected, files = append(a.Redirected, i), append(files, f)
		case screen == nil || i > 0:
			screen = f
		}
	}
	if a.Terminal = screen != nil; a.Terminal {
		a.Term = os.Getenv("TERM")
	}
	var answer ExecAnswer
	got, err := c.Call(AskExec, a, &answer, files...)
	if err != nil {
		return 0, err
	}
	if want := 2; len(got) < want || a.Terminal && len(got) == want {
		return 0, errors.New("exec: not all of the program came")
	}
	p := &further{socket: got[0], leader: got[1], signals: signals}
	if a.Terminal {
		if p.screen, err = newScreen(got[2], screen, terminal.Options{Clipboard: answer.Clipboard}); err != nil {
			return 0, err
		}
	}
	return p.wait()
}

// further is a program that runs in a jail, as seen from the command that wanted
// it.
type further struct {
	socket  *os.File // from its leader
	leader  *os.File // a pidfd
	screen  *screen  // nil without a terminal
	signals chan os.Signal
}

// wait serves signals, stops and the terminal until the program ends.
func (p *further) wait() (status int, err error) {
	stopped, exited := make(chan struct{}), make(chan int, 1)
	go p.listen(stopped, exited)
	for {
		select {
		case status := <-exited:
			p.screen.end()
			if status < 0 {
				return 0, errors.New("exec: the jail has ended")
			}
			return status, nil
		case <-stopped:
			p.screen.leave()
			pty.Stop()
			if s, ok := pty.Killed(os.Stdin, p.signals).(unix.Signal); ok {
				p.tell(s)
				p.tell(unix.SIGCONT)
				continue
			}
			if err := p.screen.enter(); err != nil {
				return 0, err
			}
			p.tell(unix.SIGCONT)
		case s := <-p.signals:
			if s == unix.SIGWINCH {
				p.screen.resize()
			} else if sig, ok := s.(unix.Signal); ok {
				p.tell(sig)
			}
		}
	}
}

func (p *further) tell(s unix.Signal) {
	_ = unix.PidfdSendSignal(int(p.leader.Fd()), s, nil, 0) // it may have ended
}

// listen sends a value each time that the program stops, and its status when it
// has ended: -1 if nobody said one.
func (p *further) listen(stopped chan<- struct{}, exited chan<- int) {
	var text [1]byte
	next := func() (byte, bool) {
		for {
			n, err := unix.Read(int(p.socket.Fd()), text[:])
			if err != unix.EINTR && err != unix.EAGAIN {
				return text[0], n == 1
			}
		}
	}
	for {
		said, ok := next()
		switch {
		case !ok:
			exited <- -1
			return
		case message.Message(said) == message.Stopped:
			stopped <- struct{}{}
		case message.Message(said) == message.Exited:
			status, ok := next()
			if !ok {
				exited <- -1
			} else {
				exited <- int(status)
			}
			return
		}
	}
}

// screen joins a jail's terminal to the caller's. A nil one does nothing.
type screen struct {
	master, output *os.File
	modes          *unix.Termios // of standard input, if that is a terminal
	filter         *terminal.Filter
	copied         chan struct{}
}

func newScreen(master, output *os.File, o terminal.Options) (*screen, error) {
	defer master.Close()
	fd, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		// The Go runtime waits for it then without a thread.
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	s := &screen{master: os.NewFile(uintptr(fd), "master"), output: output, filter: terminal.NewFilter(output, o), copied: make(chan struct{})}
	s.resize()
	if pty.Is(os.Stdin) {
		if s.modes, err = pty.Modes(os.Stdin); err != nil {
			return nil, fmt.Errorf("terminal: %w", err)
		}
		// A read would stop this process again that goes on in the background.
		in, err := pty.NewInput(os.Stdin)
		if err != nil {
			return nil, fmt.Errorf("terminal: %w", err)
		}
		go pty.Relay(s.master, in)
	} else if err := pty.Change(s.master, func(t *unix.Termios) { t.Oflag &^= unix.ONLCR }); err != nil {
		// The caller's terminal is not raw then: it adds the carriage returns.
		return nil, fmt.Errorf("terminal: %w", err)
	}
	go func() {
		defer close(s.copied)
		pty.Relay(s.filter, s.master)
	}()
	return s, s.enter()
}

// enter puts the caller's terminal into raw mode, and leave gives it back.
func (s *screen) enter() error {
	if s == nil || s.modes == nil {
		return nil
	}
	s.resize()
	if err := pty.Change(os.Stdin, pty.Raw); err != nil {
		return fmt.Errorf("terminal: raw mode: %w", err)
	}
	return nil
}

func (s *screen) leave() {
	if s != nil && s.modes != nil {
		_ = pty.GiveBack(os.Stdin, s.modes) // it may be gone
	}
}

func (s *screen) resize() {
	if s != nil {
		width, height := pty.Size(s.output)
		_ = pty.Resize(s.master, width, height) // it may be gone
	}
}

// end shows what is left, and gives the caller's terminal back.
func (s *screen) end() {
	if s == nil {
		return
	}
	<-s.copied // its leader has ended, and with it the terminal
	_ = s.filter.Restore()
	s.leave()
}
