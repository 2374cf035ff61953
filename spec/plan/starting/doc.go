// Package starting writes the policy that "init" begins with.
//
// What does not belong here: what is in it (spec/policy/starter).
package starting
