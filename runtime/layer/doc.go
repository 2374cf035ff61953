// Package layer holds the layers of a running jail: it opens and locks their
// folders before they are mounted, says why a kernel or a file system has none,
// has what the host changes below seen in them (follow.go, look.go), and says what
// a layer holds when the jail has ended.
//
// What does not belong here: the mount itself (package rootfs), what lies in the
// folder of a layer (package bundle/layer), and what is done with it.
package layer
