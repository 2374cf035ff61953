// Package jailinit is PID 1 of a jail. It is C, in a constructor that runs
// before the Go runtime starts, for two reasons: creating the agent in a
// nested user namespace needs a single-threaded process, and a Go runtime that
// only waits would cost 5 MB and 4 ms a jail.
//
// A program that links this package becomes PID 1 when argv[0] is
// contract.InitPath; config.json names it like that, so the same jail starts under
// runc and crun. What it does, in order:
//
//  1. dies with its supervisor (PR_SET_PDEATHSIG), if it has one, with --adopted
//     only from its orders on, for its first parent is another runtime; with
//     --orders-fd it waits then until that says that the jail is complete, and
//     reads its working directory, the places that the agent may write to, its
//     other arguments and its environment;
//  2. loads the compiled seccomp profile that the supervisor handed over (other
//     runtimes have applied it by then);
//  3. puts pipes in the place of standard descriptors that shall not enter as they
//     are, and forks a process that passes on what comes: terminals of others and
//     files to append to, under other runtimes, and with --filter-output all output,
//     through the filter of package terminal;
//  4. clones the agent, with --uid and --gid in a user namespace of its own
//     where the caller's ids stand for uid 0 of the container;
//  5. in the child: drops every capability, closes every descriptor but 0-2,
//     refuses a folder among these, enters a Landlock domain if the kernel has
//     it, forbids new namespaces with a second seccomp filter, and executes. With
//     --nesting neither of these two;
//  6. as PID 1: forwards signals, reaps, tells the supervisor when the agent is
//     stopped, and exits with the agent's status (128+N for signal N, 126 and
//     127 as the shell does).
//
// It also starts further programs like the agent, when the supervisor asks for one
// (further.c; package enter).
//
// The files are by subject: orders.c (1), seccomp.c (2 and 5), pass.c and pass.go
// (3), namespaces.c (4 and the capabilities of 5), landlock.c, agent.c (5), pid1.c (the
// order of it all, and 6). Under a runtime that is not ours nobody sends orders, and writable.c reads
// the places from mountinfo(5).
//
// What protects files and the network are mounts and namespaces, set up by the
// OCI runtime before this program runs. Landlock is a second wall behind them.
package jailinit
