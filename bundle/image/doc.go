// Package image writes a jail's closure and rootfs as an OCI image: an image
// layout (OCI image-spec, image-layout.md) that any engine reads, with the same
// bytes on every machine, for every user, on every day.
//
// An image has no promise of its own: files of the project cannot be protected
// or hidden in it, and the network is the engine's. Its entrypoint is the PID 1
// of our jails, which takes the agent's capabilities, closes namespaces and
// enters Landlock under any runtime.
//
// What does not belong here: deciding what is in a jail (package spec), and
// pushing an image, which skopeo, podman and crane do.
package image
