// Package bundle is a jail on disk: an OCI bundle, that is a folder with a
// config.json and a rootfs (OCI runtime-spec, bundle.md).
//
// A bundle that this package makes is complete: every mount point exists in
// its rootfs, so a runtime has nothing to create, and runc and crun run the
// folder as it is.
//
// What does not belong here: deciding what is in a jail (package spec) and
// running one (package runtime). A bundle is data, not a boundary: whoever may
// write the folder decides what the jail may do, so Load refuses a folder that
// others may write.
package bundle
