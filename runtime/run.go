package runtime

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/sirupsen/logrus"

	"github.com/jailed-claude/jailed-claude/runtime/fault"
	"github.com/jailed-claude/jailed-claude/runtime/foreign"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
	"github.com/jailed-claude/jailed-claude/runtime/seccomp"
	"github.com/jailed-claude/jailed-claude/spec/contract"
)

// Options of Run.
type Options struct {
	launch.Options
	// Cache is the per-user folder for compiled seccomp profiles.
	Cache string
}

// Run replaces this process by the supervisor of a jail and so returns only
// with an error. The exit status of the process is then that of the jailed
// program, 128+N if signal N ended it, 126 and 127 if it could not be executed
// or found, and 125 for failures of the supervisor.
func Run(j *contract.Jail, o Options) error {
	prog, slow, err := seccomp.Cached(o.Cache, j.Spec.Linux.Seccomp)
	if err != nil {
		return fmt.Errorf("compile the seccomp profile: %w", err)
	}
	if slow != nil {
		logrus.Warn(slow) // slower, not unsafe
	}
	if err := fault.At(fault.Filter); err != nil {
		return err
	}
	o.Seccomp = prog
	o.Refusable = o.Runtime == foreign.Auto
	o.logAs()
	err = launch.Start(j, o.Options)
	if refused, ok := errors.AsType[*launch.Refused](err); ok {
		return instead(refused, o.Options)
	}
	return err
}

// NewID makes the ID of a jail.
func NewID() (string, error) {
	id := make([]byte, 6)
	if _, err := rand.Read(id); err != nil {
		return "", fmt.Errorf("make an ID: %w", err)
	}
	return hex.EncodeToString(id), nil
}
