// Package login keeps the login of an agent outside of its jails: it reads the
// file that the agent's program on the host has, hands out the access token
// that is in it, and refreshes it when it runs out, as that program does, so
// that the program and any number of jails stay logged in.
//
// Refresh tokens are used up: whoever uses one gets the next, and the last one
// is worth nothing. So there is one refresh at a time, under the locks of the
// program, and the file is read again when they are held. What came back is
// written before it is used; where it cannot be written it is kept and written
// later, for the file has a token then that is used up.
//
// What does not belong here: which broker sends the token (package egress), and
// what stands for the login in a jail (spec/claude).
package login
