// Package organisation has the policy of a whole machine, which lies above what
// its users say: a key that it sets they narrow, and do not widen. What it does
// not set is theirs.
//
// It is a rail, not a wall: who can run this program can run another one.
//
// What does not belong here: what a policy means (spec/policy), and which layers
// there are besides (spec/plan).
package organisation
