// Package gitfront is the program git that a jail finds first on its PATH. It
// refuses, by name and before anything is touched, what the real git would do by
// halves: git finds out that a file cannot be replaced (EBUSY), or that
// .git/config cannot be written, only when it comes to it. All else it leaves to
// the real git, the next one on PATH, which most commands reach before the Go
// runtime of this process starts (front.c).
//
// It is a help, and no wall: whoever calls the real git by its path gets what the
// real git does. What is read-only stays so.
//
// What does not belong here: which paths are read-only (brief.FactsPath says it),
// and doing anything in the place of git.
package gitfront
