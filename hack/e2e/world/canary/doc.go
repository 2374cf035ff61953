// Package canary has a file of a project for each kind that agents on the host
// execute, a script that writes them from inside a jail, and the judge of what the
// jail made of that.
//
// What does not belong here: which files agents look for (hack/canary), and running
// agents.
package canary
