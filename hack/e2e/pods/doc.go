// Package pods holds end-to-end tests of Pods where an engine runs them: both
// forms that "jailed-claude export pod" writes, under podman kube play.
//
// What does not belong here: what a Pod looks like (bundle/pod, hack/e2e/cli),
// whether Kubernetes takes it (hack/kube), all attacks of the audit in it
// (hack/pod.sh), and a real kubelet (hack/cluster).
package pods
