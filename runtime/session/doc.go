// Package session is what commands of the user do with a jail that runs: what
// they ask its supervisor (ask.go), over its control channel, and what they do with
// the answer, such as joining terminals (exec.go).
//
// What does not belong here: making a jail, and what it may do; how questions get
// to a supervisor (package control).
package session
