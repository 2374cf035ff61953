// Package resolve looks up names on the host, once for all who ask at the same
// time, and keeps answers for a while.
//
// What does not belong here: which names may be looked up, and what may be done
// with the addresses.
package resolve
