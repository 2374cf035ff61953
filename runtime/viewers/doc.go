// Package viewers keeps the terminal of a jail that was started without one
// ("run --detach"), for those who attach to it: several look, and the last one that
// came to write writes.
//
// A viewer that comes gets what was shown last (tail.go), without what its terminal
// would answer, and then all that follows, byte for byte. An agent is stopped by a
// writer that does not read, as by a terminal, but not for long.
//
// What does not belong here: terminals of the host (package pty), and which
// sequences pass (package terminal).
package viewers
