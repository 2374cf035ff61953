// Package agent says what an agent is, once, a row each: the programs that
// start it, the folders it keeps its configuration in, what of a project and of
// that configuration its program on the host would execute or trust, the
// variables it reads, the hosts it calls and the keys it sends them.
//
// Whoever needs to know such a thing of an agent reads it here: the survey of a
// project (spec/host), the environment and the brokers of a jail (spec), the
// first run of a private configuration and its review (spec/claude), the search
// for the program (spec/closure), and the presets of rules (spec/network).
//
// What does not belong here: what is done about a fact, and files of this host:
// the package is a table and reads nothing. Programs that are no agents (direnv,
// editors, git) have their table in spec/host.
package agent
