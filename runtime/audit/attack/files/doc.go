// Package files has the attacks that are made with paths: what of the host can be
// read, what is hidden, what the host would execute or trust and can be changed,
// devices, and races between a check and its use.
//
// What does not belong here: sockets that are files (network), and /proc where a
// process is what is attacked (kernel).
package files
