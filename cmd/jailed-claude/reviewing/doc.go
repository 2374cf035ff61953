// Package reviewing is the command "review", and the question at the end of a jail
// with a layer.
//
// What does not belong here: what a layer holds, and what is done with it (bundle/review).
package reviewing
