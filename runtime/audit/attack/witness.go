package attack

// Witness is what the host saw of the attacks, for Attack.Judge.
type Witness interface {
	// Told is what the attacker knew.
	Told() *Bait
	// Arrived: a listener of the bait received what Env.marked(what) names.
	Arrived(what string) bool
	// Said: a line with all of these is on the screen of the caller.
	Said(texts ...string) bool
	// Typed: text is in the input of the caller's terminal.
	Typed(text string) bool
	// Signalled: the process of the bait got a signal.
	Signalled() bool
	// Stop ends a process that an attack has left, where no jail did.
	Stop(part string)

	// The others judge: they return the result that they are given, or another
	// one because of what they saw.

	// Planted: a marker lies on the host.
	Planted(p string, r Result) Result
	// Reported: what was made in the project is in the report of the jail's end.
	Reported(rel string, r Result) Result
	// Lives: a process that an attack started runs still.
	Lives(what string) Result
	LeftMounts(r Result) Result
	LeftCgroups(r Result) Result
	LeftStubs(r Result) Result
	LeftFiles(r Result) Result
	// WasTyped: there is input in the caller's terminal that nobody typed.
	WasTyped(r Result) Result
	WasResized(r Result) Result
	// Shown: a sequence came to the caller's terminal as it was.
	Shown(sequence string, r Result) Result
	// KeptSmall: who shows the jail's output does not keep it.
	KeptSmall(r Result) Result
}
