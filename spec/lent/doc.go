// Package lent is what the host does for a jail that asks it to, by a socket of
// the jail's own: signatures of the ssh agent, and what programs of the desktop
// do. It turns a policy into what the network's configuration says of it.
//
// What does not belong here: facts of the host, mounts, doing any of it
// (runtime/egress/sshagent, runtime/bridge).
package lent
