// Package rootfs makes the root file system of a jail with the new mount API,
// and moves it into a mount namespace that is there already.
//
//   - Cover gives this mount namespace a tmpfs of its own (workdir.go), so a
//     process that is killed leaves no folder and no mount on the host;
//   - OpenSources opens what will be bound, before anything of the host can
//     change (sources.go);
//   - a Tree gets the mounts of a configuration (tree.go, mount.go, store.go,
//     devices.go), each on a mount point that lies in a file system of the
//     jail's own (point.go);
//   - Deliver moves them into the mount namespace of another process
//     (deliver.go).
//
// Linux before 5.12 has no mount_setattr(2): flags are set with mount(2) there
// (remount.go).
//
// What does not belong here: containers, processes, cgroups, and which mounts a
// jail has.
package rootfs
