// Package gitindex reads which folders git's index file says to be repositories
// of their own (gitlinks, the entries of submodules): plain "git status" enters
// each, wherever it lies, and executes what its config names.
//
// What does not belong here: opening files, objects, and what is done about a
// gitlink.
//
// What it does not protect against: an index that is replaced after it was read.
package gitindex
