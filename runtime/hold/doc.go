// Package hold keeps the mounts of a running jail where they are while the host
// works on the same files.
//
// rename(2) and unlink(2) of a path detach what is mounted there in other mount
// namespaces, and rename(2) of a folder takes the mounts below along. So when
// git or an editor of the host replaces a protected or hidden file, the new one
// would be open in the jail. A thread in the jail's mount namespace waits in
// poll(2) for the kernel to say that a mount or a name has changed (hold.go,
// events.go), and covers the new file as the start covered the old one
// (cover.go). It covers first and asks afterwards: that takes less time than to
// stop the jail's processes would. Then it looks, between one wait and the next, at
// what happened in between (judge.go), whether the new file holds what the old one
// held (print.go), and whether a process of the jail still has a way around the new
// mount (around.go); such a jail ends. What was covered again, and what could not
// be, is named at the end (report.go).
//
// What does not belong here: which paths matter, how mounts are made (package
// rootfs), and what did not exist when the jail started (package watch).
package hold
