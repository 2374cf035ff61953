// Package launch is how a planned jail gets to its supervisor, and how jails that
// run are found:
//
//   - Start hands a Plan over (plan.go) to the supervisor that runs already, or
//     replaces this process by one (start.go);
//   - the supervisor receives it from its Planner (planner.go), and announces
//     which jail it is of, which List reads (list.go).
//
// What does not belong here: what is planned, and what a supervisor makes of it.
package launch
