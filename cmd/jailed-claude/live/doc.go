// Package live has the commands that change the network of a jail that runs, and
// "why", which also asks one.
//
// What does not belong here: what they do (runtime/steer).
package live
