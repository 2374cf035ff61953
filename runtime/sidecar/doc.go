// Package sidecar serves brokers on the loopback of a Pod, in a container next to
// that of the agent: the key is in the one and not in the other.
//
// Containers of one Pod share a network and nothing else. So whatever runs in the
// Pod may ask these brokers, as all that runs in a jail may ask those of the jail.
//
// What is not protected: a name of the service. The network of a Pod is one, and
// the agent may connect to the service itself where the broker may; it has no key
// there.
//
// What does not belong here: what a broker does (runtime/egress/broker), which
// brokers a Pod has (bundle/pod).
package sidecar
