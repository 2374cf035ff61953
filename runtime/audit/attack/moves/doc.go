// Package moves has the attacks that wait for the host: it works on the same files
// while the jail runs, as git and editors do, and a mount on what it replaces is
// gone. Each attack has two halves. The audit's outer half lays out files of its
// own in the project before the jail starts (Lay), and replaces them when the
// attacker asks for it (Stage.Play); the inner half then does what an agent would.
// Nothing of the caller's is touched.
//
// It also has what needs such a folder and no move: repositories of git that lead
// the host's git to where nobody looks (traps.go).
//
// What does not belong here: attacks that need nothing of the host (files), and
// judging.
package moves
