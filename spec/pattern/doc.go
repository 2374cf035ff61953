// Package pattern knows the patterns of files.hide and files.protect: what is
// wrong with one (Problem), what it means (Parse), and which names it matches on
// the way down a tree (State).
//
// What does not belong here: reading folders, and what a match is good for.
package pattern
