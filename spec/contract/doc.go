// Package contract is the vocabulary of config.json, as everything that makes,
// writes, reads or runs a jail has to know it: names and annotations, the parts
// that are the same in every jail, which fields there may be, and Check, which
// holds the promises of the design against any configuration, whoever made it.
// It is pure: it reads no file, no environment and no clock.
//
// Packages bundle and runtime import this package, its codec (package wire) and
// package network, and nothing else of spec.
//
// What does not belong here: what follows from a policy, a closure or a host
// (package spec).
package contract
