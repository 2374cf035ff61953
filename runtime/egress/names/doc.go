// Package names is the name server of a jail, and the book of what it said.
//
// Every name that exists has an address of its own in network.Fake, for as
// long as the session lasts. So whoever sees a connection to that address knows
// which name was asked for, and the real address of a name never gets into the
// jail. Whether a name exists, and may be asked about at all, a callback says;
// what is no host name (network.Normal) is refused before that.
//
// The server answers from what it is told: it has no cache, asks nobody, and
// never sends more than 512 bytes. It implements RFC 1035, with EDNS (RFC
// 6891), TCP (RFC 7766) and extended errors (RFC 8914).
//
// What does not belong here: rules, and real addresses.
package names
