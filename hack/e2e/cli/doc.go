// Package cli tests the commands other than run and shell: what they print, refuse
// and approve, the lock, the trust store, and Nix. It holds tests only.
//
// What does not belong here: what needs neither a jail nor the store, which
// lives next to the command line.
package cli
