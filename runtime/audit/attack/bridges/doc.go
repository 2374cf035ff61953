// Package bridges has the attacks on the bridges of a jail to the desktop, and the
// desktop that they see: programs that write down how they were called. No page is
// opened, and nothing of the caller's clipboard is read.
//
// What does not belong here: judging, starting jails.
package bridges
