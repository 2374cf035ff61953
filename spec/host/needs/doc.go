// Package needs tries what a jail needs of this host, and says what to do where
// that fails, as commands.
//
// What does not belong here: the facts that a jail is made of (package host).
package needs
