package session

import (
	"github.com/jailed-claude/jailed-claude/runtime/control"
	"github.com/jailed-claude/jailed-claude/runtime/launch"
)

// What a supervisor answers.
const (
	// AskStatus is answered with a Status.
	AskStatus = "status"
	// AskExec takes ExecArgs and is answered with an ExecAnswer (package enter).
	AskExec = "exec"
)

// Status is what a jail says of itself.
type Status struct {
	// Network is its mode.
	Network string `json:"network"`
	// Refused is how many destinations were refused.
	Refused int `json:"refused"`
}

// ExecArgs are those of a program in the jail.
type ExecArgs struct {
	// Args begin with the program's name.
	Args []string `json:"args"`
	// Terminal: it gets a terminal of the jail, for those of its standard
	// descriptors that are not Redirected: the numbers of the descriptors that go
	// along, in their order. Without a terminal these are all three.
	Terminal   bool  `json:"terminal,omitempty"`
	Redirected []int `json:"redirected,omitempty"`
	// Term is what TERM says in it, if it is not what it says to the agent.
	Term string `json:"term,omitempty"`
}

// ExecAnswer comes when the program runs.
type ExecAnswer struct {
	// Clipboard: its terminal may write to the clipboard.
	Clipboard bool `json:"clipboard,omitempty"`
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
