// Package running has the commands that are about jails that run.
//
// What does not belong here: what they do, which is in runtime/session, and commands
// that start a jail.
package running
