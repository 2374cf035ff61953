// Package network has the attacks that are made with sockets: services of the host
// and of its network, sockets of every family, netlink, and sockets that are files.
//
// What does not belong here: rules, and what a policy lets through.
package network
