package audit

import (
	"errors"
	"fmt"
	"slices"
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
	// Judge has the last word, outside and after the end of the jail; nil
	// where Run can tell.
	Judge func(*Scene, Result) Result
	// Lacks says, outside, why nobody could get through on this host, jail or
	// none: there is no such device, or no such system call. Empty if one
	// might; nil where Run knows, or where every host has it. An attack that
	// was stopped is then not applicable, for nothing has been tried.
	Lacks func() string
}

// The promises of docs/design.md, in its order, as attacks name them.
const (
	promiseFiles       = "no host file is visible except what the policy grants"
	promisePersistence = "nothing that the host executes or trusts can be changed unnoticed"
	promiseHidden      = "paths that the policy hides cannot be read, listed or replaced"
	promiseNetwork     = "the network is what the mode says"
	promisePrivilege   = "no privilege, no new namespace, no host keyring"
	promiseProcesses   = "no process outside the jail can be seen or touched"
	promiseTerminal    = "nothing is typed into the caller's terminal"
	promiseServices    = "no service of the host is reachable through a socket that is a file"
	promiseNothingLeft = "the jail ends with its supervisor and nothing is left"
	promiseLimits      = "every temporary file system has a size, and the limits of the policy hold"
)

// suite is every class in the order of the report.
var suite = []func() []Attack{
	fileAttacks, hiddenAttacks, deviceAttacks, persistenceAttacks, homeAttacks, namespaceAttacks, mountAttacks, privilegeAttacks,
	processAttacks, kernelAttacks, abiAttacks, ipcAttacks, terminalAttacks, serviceAttacks, networkAttacks, socketAttacks, netlinkAttacks,
	exhaustionAttacks, raceAttacks, leftoverAttacks,
}

// Suite returns every attack, in the order in which they are made.
func Suite() []Attack {
	var all []Attack
	for _, class := range suite {
		all = append(all, class()...)
	}
	return all
}

// attacks are those of Suite that are to be made.
func (b *Bait) attacks() []Attack {
	return slices.DeleteFunc(Suite(), func(a Attack) bool { return len(b.Classes) > 0 && !slices.Contains(b.Classes, a.Class) })
}

// Classes are the classes of Suite, in its order.
func Classes() []string {
	var names []string
	for _, a := range Suite() {
		if !slices.Contains(names, a.Class) {
			names = append(names, a.Class)
		}
	}
	return names
}

func held(format string, args ...any) Result {
	return Result{Held, fmt.Sprintf(format, args...)}
}

func through(format string, args ...any) Result {
	return Result{GotThrough, fmt.Sprintf(format, args...)}
}

func notApplicable(format string, args ...any) Result {
	return Result{NotApplicable, fmt.Sprintf(format, args...)}
}

func failed(format string, args ...any) Result {
	return Result{Failed, fmt.Sprintf(format, args...)}
}

// unless is held by an error and got through without one.
func unless(err error, format string, args ...any) Result {
	if err != nil {
		return held("%s", plain(err))
	}
	return through(format, args...)
}

// refused is for what must be refused before the kernel looks at the arguments:
// any other error means that only they were wrong.
func refused(err error) Result {
	var killed *killedError
	switch {
	case err == nil:
		return through("the kernel did it")
	case errors.As(err, &killed):
		return held("%v", err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EAFNOSUPPORT):
		return held("%s", plain(err))
	}
	return through("it came as far as the kernel's own checks: %s", plain(err))
}

// plain is an error without the paths, which differ from run to run.
func plain(err error) string {
	if n := syscall.Errno(0); errors.As(err, &n) {
		if name := unix.ErrnoName(n); name != "" {
			return name
		}
	}
	return err.Error()
}

// firstThrough is the result of several ways to the same end: one that gets
// through decides.
func firstThrough(results ...Result) Result {
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
		return notApplicable("there is nothing of the kind")
	}
	return results[0]
}
