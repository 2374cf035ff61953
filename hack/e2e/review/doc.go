// Package review has the end-to-end tests of what becomes of a layer: what the
// agent did in it is shown, what the host would execute waits for a yes, and the
// rest goes over and comes back.
//
// What does not belong here: what holds while a jail runs in a layer (layer), and
// each kind of change (bundle/review).
package review
