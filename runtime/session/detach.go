package session

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/pty"
)

// Detached starts a jail by this very command, without a terminal of the caller's
// and in a session of its own. It returns the jail's ID when the agent runs; or,
// with an empty one, the exit status of a command that has said itself why it does
// not. What the jail says when it ends is in words, besides what viewers are told.
func Detached(words Words) (id string, status int, err error) {
	said, say, err := os.Pipe()
	if err != nil {
		return "", 0, err
	}
	defer said.Close()
	last, err := words.open()
	if err != nil {
		return "", 0, errors.Join(err, say.Close())
	}
	defer last.Close()
	c := exec.Command("/proc/self/exe", os.Args[1:]...) //nolint:gosec // this program, with its own arguments
	c.Args[0] = os.Args[0]
	c.Stderr, c.ExtraFiles = os.Stderr, []*os.File{say, last}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	d := launch.Detached{FD: 3}
	d.Width, d.Height = pty.Size(os.Stderr)
	c.Env = append(os.Environ(), d.Environ())
	err = c.Start()
	say.Close()
	if err != nil {
		return "", 0, errors.Join(err, words.of(last, ""))
	}
	text, err := io.ReadAll(said)
	id = strings.TrimSpace(string(text))
	if err = errors.Join(err, words.of(last, id)); id != "" || err != nil {
		return id, 0, err
	}
	err = c.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return "", 128 + int(ws.Signal()), nil
		}
		return "", exit.ExitCode(), nil
	}
	if err == nil {
		err = hint.Add(errors.New("the jail ended before its agent ran"), "try it without --detach")
	}
	return "", 0, err
}
