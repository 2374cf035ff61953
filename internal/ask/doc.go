// Package ask asks the user a question on a terminal.
//
// What does not belong here: the questions, and what follows from an answer.
package ask
