// Package render writes a policy as a file that reads as the same policy,
// wherever its values came from.
//
// What does not belong here: comments and suggestions (package starter), which
// keys there are.
package render
