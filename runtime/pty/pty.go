package pty

// #cgo CFLAGS: -Wall -Wextra -Wno-unused-parameter -Werror
// #include "stop.h"
import "C"

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Is reports whether a file is a terminal.
func Is(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Size of a terminal; that of the first ones where nobody knows.
func Size(f *os.File) (width, height uint16) {
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 80, 24
	}
	return ws.Col, ws.Row
}

// Resize gives a terminal a size. Programs in it get SIGWINCH where it is another
// one.
func Resize(f *os.File, width, height uint16) error {
	return os.NewSyscallError("ioctl(TIOCSWINSZ)", unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}))
}

// Nudge has what shows itself on a terminal show everything again, as a change of
// the size does, which back takes back.
func Nudge(f *os.File, back func()) {
	w, h := Size(f)
	_ = Resize(f, w, max(h, 2)-1)
	// More than a program takes to see it.
	time.AfterFunc(50*time.Millisecond, back)
}

// Forget drops what was typed and is not read yet.
func Forget(f *os.File) error {
	return os.NewSyscallError("ioctl(TCFLSH)", unix.IoctlSetInt(int(f.Fd()), unix.TCFLSH, unix.TCIFLUSH))
}

// Modes returns those of a terminal, for SetModes.
func Modes(f *os.File) (*unix.Termios, error) {
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return t, os.NewSyscallError("ioctl(TCGETS)", err)
}

// SetModes gives a terminal modes that it had.
func SetModes(f *os.File, t *unix.Termios) error {
	return os.NewSyscallError("ioctl(TCSETS)", unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t))
}

// Raw is cfmakeraw(3), for Change. Output is not processed either: the jail's own
// terminal has done that, and lines would end in two carriage returns.
func Raw(t *unix.Termios) {
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag &^= unix.CSIZE | unix.PARENB
	t.Cflag |= unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
}

// Change changes the modes of a terminal (termios(3)).
func Change(f *os.File, how func(*unix.Termios)) error {
	t, err := Modes(f)
	if err != nil {
		return err
	}
	how(t)
	return SetModes(f, t)
}

// Relay copies until either side ends. A terminal whose last user is gone reads
// as EIO.
func Relay(to interface{ Write([]byte) (int, error) }, from interface{ Read([]byte) (int, error) }) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Input reads from a terminal until it is ended: what is typed later is for others.
type Input struct {
	from, until, end *os.File
}

// NewInput makes one.
func NewInput(from *os.File) (*Input, error) {
	until, end, err := os.Pipe()
	return &Input{from, until, end}, err
}

// Read is that of io.Reader.
func (i *Input) Read(p []byte) (int, error) {
	fds := []unix.PollFd{{Fd: int32(i.until.Fd())}, {Fd: int32(i.from.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return 0, os.NewSyscallError("poll", err)
		} else if err != nil {
			continue
		}
		if fds[0].Revents != 0 {
			return 0, io.EOF
		}
		return i.from.Read(p)
	}
}

// End ends it.
func (i *Input) End() { i.end.Close() }

// Stop stops the process group of the caller, as a terminal does, and returns when
// it goes on.
func Stop() { C.jail_stop_job() }

// background: the terminal is that of another job of the shell, which sees to its
// modes.
func background(terminal *os.File) bool {
	group, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && group != unix.Getpgrp()
}

// GiveBack sets the modes of a terminal, unless it is another job's by now.
func GiveBack(terminal *os.File, modes *unix.Termios) error {
	if background(terminal) {
		return nil
	}
	return SetModes(terminal, modes)
}

// Killed is the signal by which the shell has ended a job that had stopped ("kill %1"),
// which goes on in the background then; nil where it goes on as it was. Who changes the
// modes of the terminal first is stopped once more, and never hears of the signal.
func Killed(terminal *os.File, signals <-chan os.Signal) os.Signal {
	if !background(terminal) {
		return nil
	}
	for late := time.After(2 * time.Second); ; {
		select {
		case s := <-signals:
			if s != unix.SIGWINCH && s != unix.SIGTSTP {
				return s
			}
		case <-late:
			return nil
		}
	}
}
