// Package profile is the seccomp profile of a jail: which system calls there are.
//
// What does not belong here: compiling it (package runtime/seccomp), and the
// second filter, against namespaces (runtime/jailinit).
package profile
