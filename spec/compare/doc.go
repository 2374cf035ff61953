// Package compare tells what is between two config.json files, as whoever
// approves a change has to know it: what widens the jail comes first.
//
// What does not belong here: policies (package policy compares them), and the
// files that the two were read from.
package compare
