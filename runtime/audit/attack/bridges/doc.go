// Package bridges has the attacks on the bridges of a jail to the desktop, and the
// desktop that they see: programs that write down how they were called, windows of an
// editor that does all that it is asked for, and displays that show nothing. No page
// is opened, and nothing of the caller's clipboard or editor is read.
//
// What does not belong here: judging, starting jails.
package bridges
