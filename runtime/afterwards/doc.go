// Package afterwards is a process that waits for the end of a jail outside of the
// jail's and the supervisor's namespaces, and then does what is done as the
// caller: it asks what becomes of the project's layer. The supervisor cannot, for
// nobody leaves a user namespace.
//
// It waits in C, before the Go runtime starts, in a fraction of a megabyte. It is
// told by a byte on a socket that there is something to do; when the socket is
// closed instead, it ends.
//
// What does not belong here: what is done then.
package afterwards
