package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/runtime/cgroup"
	"github.com/jailed-claude/jailed-claude/runtime/egress/wall"
	"github.com/jailed-claude/jailed-claude/runtime/userns"
	"github.com/jailed-claude/jailed-claude/spec/closure"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/needs"
)

// Exit statuses as in chroot(1) and podman-run(1).
const (
	exitOurs     = 125
	exitCannot   = 126
	exitNotFound = 127
)

// statusError is an error with an exit status of its own: a command that finds
// what it was asked to look for has not failed.
type statusError struct {
	error
	status int
}

func (e statusError) Unwrap() error { return e.error }

// report prints an error the way every command does, hints on lines of their
// own, and returns the exit status for it.
func report(w io.Writer, err error) int {
	text := err.Error()
	var cl *closure.Error
	if errors.As(err, &cl) && cl.Fix != "" {
		text = strings.Replace(text, cl.Error(), cl.What, 1)
	}
	for line := range strings.Lines(text) {
		fmt.Fprintf(w, "jailed-claude: %s\n", strings.TrimRight(line, "\n"))
	}
	hints, commands := hintsFor(err)
	for _, line := range hints {
		fmt.Fprintf(w, "jailed-claude: hint: %s\n", line)
	}
	for _, command := range commands {
		fmt.Fprintln(w, command) // without a prefix, to be pasted
	}
	var own statusError
	switch {
	case errors.As(err, &own):
		return own.status
	case errors.Is(err, closure.ErrNoProgram) && errors.Is(err, os.ErrPermission):
		return exitCannot
	case errors.Is(err, closure.ErrNoProgram), errors.Is(err, closure.ErrNoAgent):
		return exitNotFound
	}
	return exitOurs
}

// hintsFor is the advice for an error, and commands that mend its cause.
func hintsFor(err error) (hints, commands []string) {
	var h *hint.Error
	var project *host.ProjectError
	var cl *closure.Error
	var ns *userns.Error
	var limits *cgroup.DelegationError
	switch {
	case needs.InJail(err) != "":
		return []string{needs.InJail(err)}, nil
	case errors.As(err, &h):
		return h.Lines, nil
	case errors.As(err, &project) && project.Hint != "":
		return []string{project.Hint}, nil
	case errors.As(err, &cl) && cl.Fix != "":
		return cl.Hints(), nil
	case errors.As(err, &ns):
		return needs.Advice(context.Background())
	case errors.As(err, &limits):
		return append(slices.Clip(limits.Fix), "or run without these limits"), nil
	case errors.Is(err, wall.ErrNoNFTables):
		return needs.NoRedirection, nil
	case strings.Contains(err.Error(), "unable to join session keyring"): // libcontainer's, a text
		return []string{"each jail has its own keyrings, and the kernel limits a user to 200 keys: end other jails, or as root: sysctl -w kernel.keys.maxkeys=2000"}, nil
	}
	return nil, nil
}
