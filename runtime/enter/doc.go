// Package enter has a further program run in a jail that runs ("exec"), with all
// that holds for the agent and no more:
//
//   - PID 1 forks a leader for it (runtime/jailinit/further.c), so that it inherits
//     namespaces, the profile of system calls, limits, its cgroup, and that there is
//     no capability;
//   - the leader clones the program as PID 1 has cloned the agent. It gets the
//     agent's ids, in a user namespace like the agent's, from the supervisor;
//   - what holds is read from the kernel (package inspect), and the program starts;
//   - whoever asked gets the leader's socket, and the master of the terminal, and
//     the supervisor has no part in it any more.
//
// What does not belong here: how it is asked for (package control), and what is
// done with the terminal (package session).
package enter
