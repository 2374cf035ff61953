package cgroup

import (
	"errors"
	"fmt"
	"strings"
)

// DelegationError is returned by Prepare where the host does not give the
// caller the controllers that the limits of a jail need.
type DelegationError struct {
	// Missing are the controllers.
	Missing []string
	// Reason says in one line why they are missing.
	Reason string
	// Fix is what mends it, mostly commands, in order.
	Fix []string
	// Err is what the attempt failed with, if it got so far.
	Err error
}

func (e *DelegationError) Error() string {
	s := fmt.Sprintf("limits of %s cannot hold: %s", strings.Join(e.Missing, ", "), e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *DelegationError) Unwrap() error { return e.Err }

// errNoManager is returned by askSystemd where there is none to ask.
var errNoManager = errors.New("no systemd manager answers")
