// Package source is where facts of a host come from: its environment, its ids,
// its programs and its files. Tests play another host with it.
//
// What does not belong here: what the facts are.
package source
