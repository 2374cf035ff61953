package session

import (
	"github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// What a supervisor answers.
const (
	// AskStatus is answered with a Status.
	AskStatus = "status"
)

// Status is what a jail says of itself.
type Status struct {
	// Network is its mode.
	Network string `json:"network"`
	// Refused is how many destinations were refused.
	Refused int `json:"refused"`
}

// StatusOf asks a jail.
func StatusOf(j launch.Running) (s Status, err error) {
	c, err := control.Dial(j.PID)
	if err != nil {
		return s, err
	}
	defer c.Close()
	_, err = c.Call(AskStatus, nil, &s)
	return s, err
}
