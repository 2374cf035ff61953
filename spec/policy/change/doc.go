// Package change is what a difference between two policies means, or between
// two configurations: whether it widens the jail, why, and how it is shown.
//
// What does not belong here: which keys there are and what each of them means
// (the table of package policy, and package compare), and whether anybody
// approves.
package change
