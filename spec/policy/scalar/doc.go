// Package scalar says what is wrong with one value of a policy by itself: a
// path that is granted, a pattern, the name of a variable, an amount of memory.
//
// What does not belong here: which key has the value, rules that need a second
// value, and anything that depends on a host.
package scalar
