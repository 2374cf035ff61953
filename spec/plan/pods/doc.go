// Package pods says what a Pod is made of: the jail of a project, who and where
// its agent is in an image, what of the project a clone has, and the policy that
// this program's runtime reads in the Pod.
//
// What does not belong here: what a Pod looks like (package pod), and flags.
package pods
