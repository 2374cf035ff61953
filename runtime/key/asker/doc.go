// Package asker is a process of the caller's, outside of the namespaces of a
// jail's supervisor, that runs the commands which print keys again when those are
// older than their ttl. The supervisor cannot: to them it is root of a user
// namespace, with another /tmp.
//
// It exists only for a jail with such a broker, hears only its supervisor, and
// ends with it. It knows its commands from the start, and is told no others.
// It has no terminal: the jail has that.
//
// What does not belong here: when a command is asked, and what a key is
// (runtime/key).
package asker
