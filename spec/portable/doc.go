// Package portable writes the jail of a policy and a closure without the host, in
// one way only, so that a digest of it means the same to everyone.
//
// What does not belong here: what a jail is (package spec), and what its digest
// is compared with (package lock).
package portable
