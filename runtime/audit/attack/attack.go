package attack

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Verdict is how an attack ended.
type Verdict string

// The verdicts. Failed is none: the attack could not be made, and nobody knows
// what it would have reached.
const (
	Held          Verdict = "held"
	GotThrough    Verdict = "GOT THROUGH"
	NotApplicable Verdict = "not applicable"
	Failed        Verdict = "failed"
)

// Result of one attack.
type Result struct {
	Verdict Verdict `json:"result"`
	// Detail says what stopped the attack, what it reached, or why it does not
	// apply.
	Detail string `json:"detail,omitempty"`
}

// Attack is one thing that an agent may try.
type Attack struct {
	// Name is unique, words joined by "-".
	Name string
	// Class groups attacks; see Classes.
	Class string
	// Promise is what the attack tests.
	Promise string
	// Source is where the attack comes from: a CVE, a man page, a report.
	Source string
	// Success is what it looks like when it gets through.
	Success string
	// Run makes the attack, inside.
	Run func(*Env) Result
	// Apart: it is made in the jail that has what the attack is about besides
	// what the policy says.
	Apart bool
	// Judge has the last word, outside and after the end of the jail; nil
	// where Run can tell.
	Judge func(Witness, Result) Result
	// Lacks says, outside, why nobody could get through on this host, jail or
	// none: there is no such device, or no such system call. Empty if one
	// might; nil where Run knows, or where every host has it. An attack that
	// was stopped is then not applicable, for nothing has been tried.
	Lacks func() string
}

// The promises of docs/design.md, in its order, as attacks name them.
const (
	PromiseFiles       = "no host file is visible except what the policy grants"
	PromisePersistence = "nothing that the host executes or trusts can be changed unnoticed"
	PromiseHidden      = "paths that the policy hides cannot be read, listed or replaced"
	PromiseNetwork     = "the network is what the mode says"
	PromisePrivilege   = "no privilege, no new namespace, no host keyring"
	PromiseProcesses   = "no process outside the jail can be seen or touched"
	PromiseTerminal    = "nothing is typed into the caller's terminal"
	PromiseServices    = "no service of the host is reachable through a socket that is a file"
	PromiseNeighbours  = "jails of different projects know nothing of each other"
	PromiseKeys        = "keys and logins that the host puts in are not in the jail, and good for what the policy says alone"
	PromiseNothingLeft = "the jail ends with its supervisor and nothing is left"
	PromiseLimits      = "every temporary file system has a size, and the limits of the policy hold"
)

// Further are attacks on a project that are made in a folder which the jail may
// write besides it.
func Further(class string, all []Attack) []Attack {
	for i, a := range all {
		all[i].Name, all[i].Class, all[i].Success = "further-"+a.Name, class, "in a further folder: "+a.Success
		all[i].Apart = true
		all[i].Run = func(e *Env) Result {
			if e.Further.Dir == "" {
				return Inapplicable("there is no such folder: %s", e.Further.Lacks)
			}
			if !Exists(e.Further.Dir + "/.git") {
				return HeldBy("the folder is not there")
			}
			return a.Run(e)
		}
	}
	return all
}

// HeldBy is the result of an attack that was stopped, and says by what.
func HeldBy(format string, args ...any) Result {
	return Result{Held, fmt.Sprintf(format, args...)}
}

// Through is the result of one that reached something.
func Through(format string, args ...any) Result {
	return Result{GotThrough, fmt.Sprintf(format, args...)}
}

// Inapplicable is the result of one that has nothing to attack here.
func Inapplicable(format string, args ...any) Result {
	return Result{NotApplicable, fmt.Sprintf(format, args...)}
}

// Failure is the result of one that could not be made.
func Failure(format string, args ...any) Result {
	return Result{Failed, fmt.Sprintf(format, args...)}
}

// Unless is held by an error and got through without one.
func Unless(err error, format string, args ...any) Result {
	if err != nil {
		return HeldBy("%s", Plain(err))
	}
	return Through(format, args...)
}

// Refused is for what must be refused before the kernel looks at the arguments:
// any other error means that only they were wrong.
func Refused(err error) Result {
	var killed *killedError
	switch {
	case err == nil:
		return Through("the kernel did it")
	case errors.As(err, &killed):
		return HeldBy("%v", err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EAFNOSUPPORT):
		return HeldBy("%s", Plain(err))
	}
	return Through("it came as far as the kernel's own checks: %s", Plain(err))
}

// Plain is an error without the paths, which differ from run to run.
func Plain(err error) string {
	if n := syscall.Errno(0); errors.As(err, &n) {
		if name := unix.ErrnoName(n); name != "" {
			return name
		}
	}
	return err.Error()
}

// FirstThrough is the result of several ways to the same end: one that gets
// through decides.
func FirstThrough(results ...Result) Result {
	var h *Result
	for i, r := range results {
		switch r.Verdict {
		case GotThrough, Failed:
			return r
		case Held:
			if h == nil {
				h = &results[i]
			}
		}
	}
	if h != nil {
		return *h
	}
	if len(results) == 0 {
		return Inapplicable("there is nothing of the kind")
	}
	return results[0]
}
