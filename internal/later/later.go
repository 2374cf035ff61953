// Package later has the kernel free what descriptors lead to in its own time, and
// not while somebody waits for close(2) or for the end of the process.
//
// What does not belong here: closing descriptors.
package later

import "golang.org/x/sys/unix"

// Free keeps what the descriptors lead to for a little longer than the caller
// does. To close an inotify(7) instance takes some 8 ms, for the kernel waits
// until no processor uses it any more (fsnotify_wait_marks_destroyed). So they
// are sent to a socket that is sent to itself: nobody can receive them, and when
// the socket is closed the kernel's collector of such sockets frees them, on a
// thread of its own (unix(7), SCM_RIGHTS). If that fails, the caller's close(2)
// takes its time.
func Free(fds ...int) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	_ = unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(append(fds, pair[1])...), nil, 0)
	_ = unix.Close(pair[0])
	_ = unix.Close(pair[1])
}
