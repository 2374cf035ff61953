// Package left is what jails without a layer left that the host would execute or
// trust: it lies on the host already, and waits there for somebody to look at it. The
// end of a jail writes a file for its session, below the state of the project:
//
//	left/ID.json  what it named, what was there before as far as that is known, and
//	              what was there when the jail had ended
//	left/dropped  what was dropped last
//
// What does not belong here: finding it out (package runtime/watch), and showing it
// (package bundle/review).
package left
