// Package supervisor is the process that owns a jail. Start replaces the
// calling process by it, so a jail has one process outside and not two:
//
//   - it enters a user and a mount namespace before its Go runtime starts
//     (packages constructor and userns), as a rule in a process that was split
//     in two, beside the half that plans (package quick);
//   - as root there it begins the container that nearly every jail has, before
//     the jail is known (ahead.go, frame.go): libcontainer makes it, and its
//     PID 1 waits;
//   - it builds the rootfs (package rootfs);
//   - what is built goes into the container, or a container is made with it,
//     and PID 1 gets its orders (container.go); the first thread
//     makes containers and does nothing else, for PID 1 dies with it (main.go);
//   - then it relays the terminal and the signals, and waits (console.go,
//     job.go).
//
// What does not belong here: what a jail may do. That is in the config.json
// that it was handed.
package supervisor
