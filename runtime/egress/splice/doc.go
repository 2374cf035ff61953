// Package splice moves bytes from one TCP connection to another inside the
// kernel.
//
// What does not belong here: which connections, and what is said of them.
package splice
