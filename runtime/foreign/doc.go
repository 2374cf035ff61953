// Package foreign has another OCI runtime, such as runc or crun, create the
// container of a jail, in the place of libcontainer in the supervisor.
//
// The runtime runs in the supervisor's user, mount and network namespaces, with
// the wall of the network around it, and makes no more than libcontainer does there:
// the frame of the configuration (contract.Frame), with a PID 1 that waits. The
// supervisor goes on as ever: it moves the mounts into the container, gives the
// orders, reads from the kernel what holds, and only then lets the agent execute.
// So a runtime that leaves something out starts no agent.
//
// The bundle and the runtime's state lie on the tmpfs that only this mount
// namespace has: they are gone with the last process in it, however that ended.
//
// A host may make namespaces for such a runtime that it refuses to this program. Then
// one executes the supervisor in them (Supervisor), and is gone.
//
// gVisor has a kernel of its own (Sandbox): there the runtime runs the whole jail, of a
// tree of mounts that the supervisor has made, and stays its child.
//
// What does not belong here: what a container has, and bundles that run without
// a supervisor (bundle, hook).
package foreign
