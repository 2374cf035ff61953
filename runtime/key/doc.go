// Package key reads the keys of brokers on the host, before a jail starts: from
// the caller's environment, a file, or a program. Keys that change are read again
// while it runs.
//
// No error and no warning contains a key or what a program printed.
//
// What is not protected: a key that the jail can get at by another way, such
// as a file that the policy lets it read.
//
// Not here: what is done with a key (package broker), and which brokers a jail
// has (package spec).
package key
