// Package jailinit is PID 1 of a jail. It is C, in a constructor that runs
// before the Go runtime starts, for two reasons: creating the agent in a
// nested user namespace needs a single-threaded process, and a Go runtime that
// only waits would cost 5 MB and 4 ms a jail.
//
// A program that links this package becomes PID 1 when argv[0] is
// contract.InitPath; config.json names it like that, so the same jail starts under
// runc and crun. What it does, in order:
//
//  1. dies with its supervisor (PR_SET_PDEATHSIG), if it has one; with
//     --orders-fd it waits then until that says that the jail is complete, and
//     reads its other arguments, its environment and its working directory;
//  2. loads the compiled seccomp profile that the supervisor handed over (other
//     runtimes have applied it by then);
//  3. clones the agent, with --uid and --gid in a user namespace of its own
//     where the caller's ids stand for uid 0 of the container;
//  4. in the child: drops every capability, closes every descriptor but 0-2,
//     refuses a folder among these, enters a Landlock domain if the kernel has
//     it, forbids new namespaces with a second seccomp filter, and executes. With
//     --nesting neither of these two;
//  5. as PID 1: forwards signals, reaps, tells the supervisor when the agent is
//     stopped, and exits with the agent's status (128+N for signal N, 126 and
//     127 as the shell does).
//
// What protects files and the network are mounts and namespaces, set up by the
// OCI runtime before this program runs. Landlock is a second wall behind them.
package jailinit
