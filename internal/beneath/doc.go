// Package beneath opens, reads and writes files below a folder that is held by a
// descriptor, and nowhere else: through no symlink, whatever somebody who can
// write the folder does meanwhile.
//
// What does not belong here: what the files are.
package beneath
