// Package seen shows how two versions differ, in characters that can be seen.
//
// What does not belong here: where the versions are, and whose they are.
package seen
