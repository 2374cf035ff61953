// Package inside has the sockets of a jail by which its programs ask the
// supervisor for something: its ssh agent, and bridges to the desktop.
//
// What does not belong here: what is asked for (runtime/bridge,
// runtime/egress/sshagent), and who decides about it.
package inside
