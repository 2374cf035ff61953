// Package plan turns what a command line says into the input of spec.Build: it
// reads the policies of the user and the project, the facts of the host, and
// the closure, which a lock may decide.
//
// Options go in; the input and warnings come out, as values. Nothing is
// printed, and no question is asked.
//
// What is not protected: a policy or lock that the user approved is applied,
// whatever it says.
//
// What does not belong here: flags and output (the command line), what a
// policy means (package policy), what a jail is (package spec), and starting
// one (package runtime).
package plan
