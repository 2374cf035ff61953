package session

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
	"github.com/jailed-claude/jailed-claude/runtime/terminal"
)

// Stop has the agent of a jail end by itself (SIGTERM), and ends all of the jail
// where it has not after a while. It returns when nothing of the jail is left.
// Late is called when that takes longer than an agent usually does.
func Stop(j launch.Running, grace time.Duration, late func(left time.Duration)) (status int, err error) {
	if grace > usual {
		t := time.AfterFunc(usual, func() { late(grace - usual) })
		defer t.Stop()
	}
	return untilEnd(j, AskStop, StopArgs{Grace: grace})
}

// usual is how long an agent takes to end, at most.
const usual = time.Second

// Wait waits until a jail has ended, and returns its exit status.
func Wait(j launch.Running) (status int, err error) { return untilEnd(j, AskWait, nil) }

func untilEnd(j launch.Running, do string, args any) (status int, err error) {
	supervisor, err := unix.PidfdOpen(j.PID, 0)
	if err != nil {
		return 0, errEnded
	}
	defer unix.Close(supervisor)
	c, err := control.Dial(j.PID)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if _, err := c.Call(do, args, nil); err != nil {
		return 0, err
	}
	text, err := io.ReadAll(c)
	if err != nil || len(text) == 0 {
		return 0, errEnded
	}
	_, _ = os.Stderr.Write(text[1:])
	_ = c.Close()
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(supervisor), Events: unix.POLLIN}}, -1)
	for errors.Is(err, unix.EINTR) {
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(supervisor), Events: unix.POLLIN}}, -1)
	}
	return int(text[0]), err
}

// errEnded: nobody says how.
var errEnded = errors.New("the jail was killed: nobody knows its exit status")

// Logs writes what the terminal of a detached jail showed last.
func Logs(j launch.Running, to *os.File) error {
	c, err := control.Dial(j.PID)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Call(AskLogs, nil, nil); err != nil {
		return err
	}
	if !pty.Is(to) {
		_, err = io.Copy(to, c)
		return err
	}
	f := terminal.NewFilter(to, terminal.Options{})
	_, err = io.Copy(f, c)
	return errors.Join(err, f.Restore())
}
