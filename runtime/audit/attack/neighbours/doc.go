// Package neighbours has the attacks on the jail of another project of the same
// caller: one that ran before, one that runs at the same time, and one that comes
// after. They hold a secret and leave it where an agent leaves things (Play); the
// attacker looks for it, and leaves something for the one that comes after.
//
// What does not belong here: starting those jails (runtime/audit).
package neighbours
