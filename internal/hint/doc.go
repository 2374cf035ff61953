// Package hint attaches advice to errors: lines for the user that say what to
// do, usually a command.
//
// What does not belong here: the advice itself, which stands where the error is
// made, and how it is printed (the command line).
package hint
