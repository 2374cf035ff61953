// Package mountinfo reads /proc/PID/mountinfo: which mounts a mount namespace
// has, and with which options.
//
// It is by hand, for a jail has hundreds of mounts and its start waits for it.
//
// What does not belong here: which mounts a jail shall have, and making them.
package mountinfo
