// Package kube reads the Pods that bundle/pod writes with the real types of
// Kubernetes, strictly, asks its Pod Security admission for verdicts, and holds
// what is of Cilium and agent-sandbox against their CustomResourceDefinitions.
//
// It is a Go module of its own: nothing of Kubernetes is linked into the
// program. hack/pod.sh runs its tests, and fetches the definitions.
//
// What does not belong here: what a Pod looks like (bundle/pod).
package kube
