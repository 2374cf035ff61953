// Package supervisor is the process that owns a jail. The planning process is
// replaced by it, or ends (package launch), so a jail has one process outside:
//
//   - it is in a user and a mount namespace of its own before its Go runtime
//     starts (package userns), mostly next to the process that plans;
//   - as root there it creates the container that nearly every jail has, before
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
