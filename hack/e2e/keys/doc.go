// Package keys tests that no key of the caller enters a jail, and that the
// broker adds it where it belongs and nowhere else. It holds tests only.
//
// What does not belong here: turns of an agent without a key (agent).
package keys
