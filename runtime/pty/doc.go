// Package pty is what is done with terminals on the host's side: the modes of the
// caller's one, sizes, copying to and from a jail's, and stopping as a job does.
//
// What does not belong here: what passes (package terminal), and jails.
package pty
