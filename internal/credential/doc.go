// Package credential knows how agents' programs write their logins down: which
// file, what of it is secret, how a new access token is asked for, and what
// stands for the login in a jail. It turns bytes into values and back.
//
// No error has anything of a login in it.
//
// What does not belong here: reading and writing files, locks and requests
// (runtime/login), and which agent has which login (spec/agent).
package credential
