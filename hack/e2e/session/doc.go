// Package session tests what commands do with a jail that runs: that a further
// program has no more than the agent, that nobody else and no jail can command one,
// and that a terminal can be left and come back to.
//
// What does not belong here: how a jail starts and ends (life).
package session
