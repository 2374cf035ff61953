// Package git reads what git would: its config files, where a repository's git
// directory is, and who the user says to be.
//
// What does not belong here: what of it is protected (package survey).
package git
