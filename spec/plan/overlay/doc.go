// Package overlay makes a project's layer ready for a jail, and says where a jail
// without one should have one.
//
// What does not belong here: the folder of a layer (bundle/layer), mounting it.
package overlay
