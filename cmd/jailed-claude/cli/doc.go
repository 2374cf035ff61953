// Package cli is what all commands share: how they are made, how they speak,
// ask and fail, and how their help is laid out.
//
// What does not belong here: what a command does, and flags of jails (package
// main).
package cli
