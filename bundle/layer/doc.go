// Package layer is the folder of a project's layer: what the agent changes where
// files.project is "overlay", and what of the project was there when the layer
// was new. In the folder lie
//
//	upper      what overlayfs writes: changed files, and whiteouts for deleted ones
//	work       overlayfs's own
//	lock       held with flock(2), LOCK_EX, by the jail that has the layer mounted,
//	           and by whoever changes what is in it
//	base.json  a Base
//	clock      an empty file, whose times are looked at
//	git/NAME   the same of a git directory that lies outside of the project
//
// The kernel lets two mounts share one upper folder, and what becomes of it is
// undefined: hence the lock. Nothing may be taken out of upper while it is
// mounted: later writes to it would be lost without an error.
//
// What does not belong here: mounting it (package runtime/layer), and what is
// done with the changes (package bundle/review).
package layer
