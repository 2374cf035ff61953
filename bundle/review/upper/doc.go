// Package upper reads what a layer holds: it compares the upper folder of an
// overlayfs, as the kernel leaves it, with the folder below it, file by file.
// Both are read through descriptors, without following a symlink.
//
// What was only touched is no change: overlayfs copies a file up when its time or
// mode is set, when it is linked, and when it is opened for writing.
//
// What does not belong here: what a change means, and applying it.
package upper
