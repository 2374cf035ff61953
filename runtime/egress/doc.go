// Package egress is the network of a jail: name server, relay, brokers and
// published ports, behind one set of rules (spec/network).
//
// A program inside asks for a name and gets an address that stands for it in
// this jail. It connects there; the relay in this process accepts, finds the
// name again, decides, resolves the name outside, decides about the address
// that came of it, and dials exactly that. No connection is dialled before it
// was decided about, and none is decided about by an address that is resolved
// a second time. What is refused is reset at once. This host's own addresses
// (package own) are as closed as its loopback.
//
// Every decision is an Event, a line of JSON in the session's log.
//
// What does not belong here: containers; the namespace itself (wall); what the
// rules mean (spec/network). What it does not protect against: data that is
// sent to an allowed destination.
package egress
