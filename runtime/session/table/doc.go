// Package table is the screen of "list --watch": a table of the jails that run, drawn
// again each second, and a key for each command about the one that is selected. The
// commands are this program's own, started as a shell would start them.
//
// What does not belong here: what a command does, and finding jails (runtime/session).
package table
