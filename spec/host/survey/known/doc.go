// Package known is the list of what programs of a host execute or trust in a folder
// unasked, and of where these name other files that they run.
//
// What does not belong here: agents (package agent), git, and looking for any of it.
package known
