// Package gitconfig writes the configuration that git has in a jail.
//
// What does not belong here: reading that of the host (package spec/host/git).
package gitconfig
