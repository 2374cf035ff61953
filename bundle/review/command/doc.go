// Package command is what a user wants of a review: it is shown, applied or dropped,
// and said what became of it.
//
// What does not belong here: what a layer holds and how it is carried over (package
// review), flags and questions on a terminal.
package command
