// Package supervisor is the process that owns a jail. The planning process is
// replaced by it, or ends (package launch), so a jail has one process outside:
//
//   - it is in a user and a mount namespace of its own before its Go runtime
//     starts (package userns), mostly next to the process that plans;
//   - as root there it has libcontainer create the container that nearly every
//     jail has, before the plan is there. If the frame of the configuration says
//     otherwise, another is created (jail.go, container.go, create.go), or another
//     runtime creates it (foreign.go). The first thread creates containers and does
//     nothing else, for PID 1 dies with it (main.go);
//   - meanwhile it makes the mounts (package rootfs) and the network (network.go);
//   - the mounts are delivered into the container, and PID 1 gets its orders
//     (package orders, control.go);
//   - what holds is read from the kernel (package inspect), and the agent starts;
//   - then it relays the terminal and the signals, and waits (console.go,
//     job.go).
//
// What does not belong here: what a jail may do. That is in the config.json
// that it was handed.
package supervisor
