// Package sshfiles reads what OpenSSH keeps of public keys: those of hosts in
// known_hosts, and those of the user in .pub files.
//
// What does not belong here: private keys, which nobody here reads, and what is
// done with public ones.
package sshfiles
