// Package announcement is the file in memory by which a jail that runs is found: its
// supervisor says there which jail it is, and what of it changes, such as when its
// terminal last showed something. A list of many jails reads it, and no supervisor
// has to wake up for that.
//
//   - Make, Publish and the fields of State are the supervisor's side (state.go).
//   - Read is that of whoever lists jails (read.go).
//
// The file has no name and ends with its supervisor, so nothing is left and nothing
// can be stale. What leads there is a descriptor of the supervisor, in /proc/PID/fd,
// which the kernel opens to whoever may trace the supervisor: the same user and
// nobody else. A file that somebody passed on is not taken for one: the supervisor
// holds a lock on its own, and the kernel says which process that is. Whoever opens
// one cannot write there (F_SEAL_FUTURE_WRITE, since Linux 5.1).
//
// What does not belong here: which processes there are, and what a list makes of it.
package announcement
