// Package pod writes the jail of a config.json as a Pod, for a Kubernetes that
// exists and for podman kube play.
//
// There are two forms. Own has this program's own runtime in the Pod, which
// holds every promise but the limit of processes. Plain is a Pod of level
// "restricted" with the PID 1 of our jails in front, and drops some of them.
// What of config.json a form cannot carry comes back as notes, field by field:
// nothing is left out silently, and nothing is added.
//
// A Pod promises what its cluster keeps. A network policy is enforced by the
// plugin of the cluster's network or by nobody; fields that an older API server
// or podman does not know are dropped by it without a word. Notes say which
// these are.
//
// What does not belong here: what a jail is (package spec), reading a project,
// making the image, and talking to a cluster (kubectl).
package pod
