// Package runtime makes a running jail of a bundle, through libcontainer.
//
// A program that uses it calls Reexec first thing in main (and in TestMain):
// the same binary is started again as the supervisor of a jail, as
// libcontainer's init, and as PID 1.
//
// What does not belong here: deciding what a jail may do. config.json is the
// whole contract; what libcontainer is told can be faster than a literal
// reading, never wider.
package runtime
