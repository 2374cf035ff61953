// Package spec says what a jail is: Build turns a policy, a closure and the
// facts of a host into an OCI runtime configuration and the few generated
// files of its rootfs.
//
// Build is pure: it reads no file, no environment and no clock, so the same
// inputs give the same bytes. Check holds the promises of the design against
// any configuration, whoever made it.
//
// What does not belong here: reading the host (package spec/host), writing a
// bundle (package bundle), and running one (package runtime).
package spec
