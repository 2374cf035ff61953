package session

import "time"

// What a supervisor answers.
const (
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
