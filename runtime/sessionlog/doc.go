// Package sessionlog keeps the logs of what jails reached over the network: a
// file a session, a line of JSON a decision.
//
// What does not belong here: what is logged (package egress), and who asks to
// see it (the command line).
package sessionlog
