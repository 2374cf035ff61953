// Package fault says what is wrong with a policy file, and where.
//
// What does not belong here: finding it.
package fault
