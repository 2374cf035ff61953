// Package privilege attacks a jail from inside with system calls: namespaces,
// capabilities, other processes, the caller's terminal and identity, and what a
// jail with nesting gives away. It holds tests only.
//
// What does not belong here: files and the network, which have packages of
// their own, and the attacks of the audit command (audit).
package privilege
