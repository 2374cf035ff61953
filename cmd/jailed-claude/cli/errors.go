package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jailed-claude/jailed-claude/cmd/jailed-claude/advice"
	"github.com/jailed-claude/jailed-claude/spec/closure"
)

// Exit statuses as in chroot(1) and podman-run(1).
const (
	exitOurs     = 125
	exitCannot   = 126
	exitNotFound = 127
)

// StatusError is an error with an exit status of its own: a command that finds
// what it was asked to look for has not failed.
type StatusError struct {
	Err    error
	Status int
}

func (e StatusError) Error() string { return e.Err.Error() }

// Unwrap returns the error without its status.
func (e StatusError) Unwrap() error { return e.Err }

// Exit is the error of a command that ends with the status of another program,
// which has said itself what there was to say; nil for 0.
func Exit(status int) error {
	if status == 0 {
		return nil
	}
	return StatusError{Err: errors.New(""), Status: status}
}

// Report prints an error the way every command does, hints on lines of their
// own, and returns the exit status for it.
func Report(w io.Writer, err error) int {
	text := err.Error()
	var cl *closure.Error
	if errors.As(err, &cl) && cl.Fix != "" {
		text = strings.Replace(text, cl.Error(), cl.What, 1)
	}
	for line := range strings.Lines(text) {
		fmt.Fprintf(w, "jailed-claude: %s\n", strings.TrimRight(line, "\n"))
	}
	hints, commands := advice.For(err)
	for _, line := range hints {
		fmt.Fprintf(w, "jailed-claude: hint: %s\n", line)
	}
	for _, command := range commands {
		fmt.Fprintln(w, command) // without a prefix, to be pasted
	}
	var own StatusError
	switch {
	case errors.As(err, &own):
		return own.Status
	case errors.Is(err, closure.ErrNoProgram) && errors.Is(err, os.ErrPermission):
		return exitCannot
	case errors.Is(err, closure.ErrNoProgram), errors.Is(err, closure.ErrNoAgent):
		return exitNotFound
	}
	return exitOurs
}
