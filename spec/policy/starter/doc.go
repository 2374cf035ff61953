// Package starter writes the policy that a project begins with: comments, and
// suggestions for what was found in it.
//
// What does not belong here: looking at a project, and what a key means.
package starter
