// Package files compares two files that somebody names: policies, or what a
// runtime reads.
//
// What does not belong here: what a difference means (packages compare and
// policy).
package files
