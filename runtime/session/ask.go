package session

import "time"

// What a supervisor answers.
const (
	// AskStatus is answered with a Status.
	AskStatus = "status"
	// AskExec takes ExecArgs and is answered with an ExecAnswer (package enter).
	AskExec = "exec"
	// AskAttach takes AttachArgs and is answered with an AttachAnswer; then come
	// frames (package viewers).
	AskAttach = "attach"
	// AskLogs is answered with what the terminal showed last, behind the answer.
	AskLogs = "logs"
	// AskStop takes StopArgs, AskWait nothing. When the jail has ended comes its
	// exit status, a byte, and what a detached one says at its end.
	AskStop = "stop"
	AskWait = "wait"
)

// Status is what a jail says of itself.
type Status struct {
	// Network is its mode.
	Network string `json:"network"`
	// Refused is how many destinations were refused.
	Refused int `json:"refused"`
	// State is what the agent seems to do; empty of a jail without a terminal.
	State string `json:"state,omitempty"`
	// Detached: it was started with --detach, and Viewers are attached.
	Detached bool `json:"detached,omitempty"`
	Viewers  int  `json:"viewers,omitempty"`
	// LayerName is the name of its layer, if that has one.
	LayerName string `json:"layer_name,omitempty"`
	// Layer says whether a layer holds changes: LayerEmpty or LayerChanged; empty of
	// a jail without one.
	Layer string `json:"layer,omitempty"`
}

// States of an agent, as its terminal shows them.
const (
	Working = "working"
	Waits   = "waits" // for its user, whom it has called
	Idle    = "idle"
)

// What a layer holds.
const (
	LayerEmpty   = "empty"
	LayerChanged = "changed"
)

// AttachArgs are those of a viewer: whether it only looks, and its size.
type AttachArgs struct {
	ReadOnly      bool `json:"read_only,omitempty"`
	Width, Height uint16
}

// AttachAnswer says what a viewer's terminal may do.
type AttachAnswer struct {
	Clipboard bool `json:"clipboard,omitempty"`
}

// StopArgs say how long the agent has to end by itself.
type StopArgs struct {
	Grace time.Duration `json:"grace"`
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
