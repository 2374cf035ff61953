// Package supervisor is the process that owns a jail. Start replaces the
// calling process by it, so a jail has one process outside and not two:
//
//   - a constructor in C enters a user and a mount namespace before the Go
//     runtime starts (userns.c);
//   - as root there it builds the rootfs on a tmpfs that only this mount
//     namespace has, with the new mount API (tree.go), so a supervisor that is
//     killed leaves no folder and no mount;
//   - libcontainer creates the container from it (container.go);
//   - then it relays the terminal and the signals, and waits (console.go,
//     job.go).
//
// What does not belong here: what a jail may do. That is in the config.json
// that it was handed.
package supervisor
