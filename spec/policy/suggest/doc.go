// Package suggest says which key of a policy was meant by one that there is not.
//
// What does not belong here: which keys there are, and which of two words is
// nearer (nearest).
package suggest
