// Package hook is what the hooks of an exported bundle do (OCI runtime-spec,
// config.md, "POSIX-platform Hooks"): the network that the supervisor gives a
// jail of ours, under runc, crun and others.
//
// NetworkStart is for "createRuntime", which the runtime calls outside, when
// the namespaces are there. It starts a keeper: this binary again, which waits
// for the namespaces and ends when the container's first process does, whoever
// ended that.
//
// NetworkJoin is for "createContainer", which the runtime calls next, inside of
// the namespaces but with the host's files. It hands them to the keeper, over a
// socket in the bundle's folder. (The keeper cannot just open those of the
// container's first process: crun makes that undumpable.) The keeper
//
//   - replaces itself, to enter the container's user namespace in a
//     constructor in C before the Go runtime starts, for setns(2) wants a
//     process of one thread;
//   - runs the same session as the supervisor (package egress), and stays in
//     the host's network namespace, as the supervisor does.
//
// NetworkJoin returns when the network stands. A hook that fails keeps the
// runtime from executing the program. NetworkStop is for "poststop", and ends a
// keeper that has not ended by itself.
//
// What does not belong here: what a container may reach. That is in the
// annotation of its config.json.
package hook
