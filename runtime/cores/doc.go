// Package cores keeps keys out of core files.
//
// What does not belong here: which process has keys.
package cores
