// Package hosttest plays a host for the tests of those who read one.
//
// What does not belong here: tests, and package testing, which has no place in
// a package that a program could import.
package hosttest
