// Package kernel has the attacks on the kernel and on other processes: namespaces,
// mounts, privileges, system calls and their other interfaces, memory and keys that
// processes share, the caller's terminal, limits, and what outlives the jail. The
// last two start processes of this program again (Part).
//
// What does not belong here: whatever can be said with a path (files) or a socket
// (network).
package kernel
