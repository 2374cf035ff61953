package session

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/terminal"
)

// ErrDetached is returned where the jail goes on without this terminal.
var ErrDetached = errors.New("detached")

// Attach joins the caller's terminal to that of a detached jail, until the jail ends
// or the keys come that detach. It returns the jail's exit status.
func Attach(j launch.Running, readOnly bool, detach string) (status int, err error) {
	keys, err := parseKeys(detach)
	if err != nil {
		return 0, err
	}
	if !pty.Is(os.Stdin) || !pty.Is(os.Stdout) {
		return 0, hint.Add(errors.New("attach: standard input and output are no terminal"), "to see what a jail shows: jailed-claude logs "+j.ID)
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, unix.SIGWINCH, unix.SIGHUP, unix.SIGTERM, unix.SIGINT)
	c, err := control.Dial(j.PID)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	a := AttachArgs{ReadOnly: readOnly}
	a.Width, a.Height = pty.Size(os.Stdout)
	var answer AttachAnswer
	if _, err := c.Call(AskAttach, a, &answer); err != nil {
		return 0, err
	}
	v := &view{conn: c, filter: terminal.NewFilter(os.Stdout, terminal.Options{Clipboard: answer.Clipboard}), keys: keys, readOnly: readOnly, signals: signals}
	return v.run()
}

// view is a terminal of the caller that shows a jail's.
type view struct {
	conn     *control.Conn
	filter   *terminal.Filter
	keys     *keys
	readOnly bool
	signals  chan os.Signal
	modes    *unix.Termios

	// within: the last that was shown does not end a line.
	within bool

	mu       sync.Mutex
	detached bool
}

func (v *view) run() (status int, err error) {
	if v.modes, err = pty.Modes(os.Stdin); err != nil {
		return 0, fmt.Errorf("terminal: %w", err)
	}
	if err := pty.Change(os.Stdin, pty.Raw); err != nil {
		return 0, fmt.Errorf("terminal: raw mode: %w", err)
	}
	defer func() { _ = pty.SetModes(os.Stdin, v.modes) }() // it may be gone
	go v.typed()
	go v.signalled()
	report, status, err := v.show()
	// However it ended: what the program has left on would be the shell's.
	_ = v.filter.Restore()
	if v.within {
		_, _ = os.Stdout.WriteString("\r\n") // what follows is not the program's
	}
	_ = pty.SetModes(os.Stdin, v.modes)
	if len(report) > 0 {
		_, _ = os.Stderr.Write(report)
	}
	return status, err
}

func (v *view) send(k Kind, payload []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, _ = v.conn.Write(AppendFrames(nil, k, payload)) // the jail may have ended
}

func (v *view) detach() {
	v.mu.Lock()
	v.detached = true
	v.mu.Unlock()
	v.send(Detach, nil)
}

// typed sends what is typed, until the keys come that detach, or the terminal is
// gone.
func (v *view) typed() {
	buf := make([]byte, 32<<10)
	for {
		n, err := os.Stdin.Read(buf)
		input, detach := v.keys.take(buf[:n])
		if len(input) > 0 && !v.readOnly {
			v.send(Input, input)
		}
		if detach || err != nil {
			v.detach()
			return
		}
	}
}

// signalled follows the size of the terminal. Signals that would end this command
// detach it.
func (v *view) signalled() {
	for s := range v.signals {
		if s != unix.SIGWINCH {
			v.detach()
		} else if width, height := pty.Size(os.Stdout); !v.readOnly {
			v.send(Resize, AppendSize(nil, width, height))
		}
	}
}

// show shows what comes until nothing does.
func (v *view) show() (report []byte, status int, err error) {
	in := bufio.NewReaderSize(v.conn, maxFrame)
	for {
		k, payload, err := ReadFrame(in)
		if err != nil {
			v.mu.Lock()
			defer v.mu.Unlock()
			if v.detached {
				return report, 0, ErrDetached
			}
			return report, 0, errors.New("attach: the jail was killed, or this terminal did not follow what it shows")
		}
		switch k {
		case Output:
			if len(payload) > 0 {
				v.within = payload[len(payload)-1] != '\n'
			}
			if _, err := v.filter.Write(payload); err != nil {
				v.detach()
			}
		case Paused:
			_ = pty.SetModes(os.Stdin, v.modes)
			pty.Stop()
			if err := pty.Change(os.Stdin, pty.Raw); err != nil {
				return report, 0, fmt.Errorf("terminal: raw mode: %w", err)
			}
			width, height := pty.Size(os.Stdout)
			v.send(Resize, AppendSize(nil, width, height))
			v.send(Continue, nil)
		case Report:
			report = append(report, payload...)
		case Ended:
			if len(payload) == 1 {
				return report, int(payload[0]), nil
			}
		}
	}
}
