// Package control is how commands of the user talk to the supervisor of a running
// jail: a unix socket, on which each side sends one JSON object a line, and
// descriptors with it (SCM_RIGHTS).
//
//   - Listen, Server.Handle and Server.Serve are the supervisor's side. A request
//     names a handler; a handler may keep the connection (Request.Take).
//   - Dial and Conn.Call are the command's.
//
// The socket has no name, so nothing is left of it and nothing can be stale: it is
// bound in the supervisor's own mount namespace and its file is removed at once.
// What leads there is a descriptor of the supervisor, in /proc/PID/fd, which the
// kernel opens to whoever may trace the supervisor: the same user and nobody else.
// From inside a jail there is no way, whatever is granted to it: its /proc has
// another PID namespace. The server checks the credentials of each peer besides,
// and that it is in no jail (peer.go).
//
// What does not belong here: what is asked for, and who answers it.
package control
