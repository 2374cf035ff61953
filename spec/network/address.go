package network

import (
	"net/netip"
	"slices"
	"sync"
)

// special are ranges that are not the public internet, each with what it is:
// IANA's special-purpose registries (RFC 6890 and its updates), multicast, and
// the IPv6 forms that carry an IPv4 address which is checked in their place.
var special = []struct {
	prefix, what string
}{
	{"0.0.0.0/8", "this host"},
	{"10.0.0.0/8", "private"},
	{"100.64.0.0/10", "shared address space"},
	{"127.0.0.0/8", "loopback"},
	{"169.254.0.0/16", "link-local, cloud metadata"},
	{"172.16.0.0/12", "private"},
	{"192.0.0.0/24", "reserved"},
	{"192.0.2.0/24", "documentation"},
	{"192.88.99.0/24", "6to4 relays"},
	{"192.168.0.0/16", "private"},
	{"198.18.0.0/15", "benchmarking, and the jail's own names"},
	{"198.51.100.0/24", "documentation"},
	{"203.0.113.0/24", "documentation"},
	{"224.0.0.0/4", "multicast"},
	{"240.0.0.0/4", "reserved, broadcast"},
	// Azure's host agent and metadata, at a public address.
	{"168.63.129.16/32", "cloud metadata"},
	{"::/96", "unspecified, loopback, IPv4-compatible"},
	{"64:ff9b:1::/48", "local NAT64"},
	{"100::/64", "discard"},
	{"2001::/23", "protocol assignments, Teredo"},
	{"2001:db8::/32", "documentation"},
	{"2002::/16", "6to4"},
	{"3fff::/20", "documentation"},
	{"5f00::/16", "segment routing"},
	{"fc00::/7", "private"},
	{"fe80::/10", "link-local"},
	{"fec0::/10", "site-local"},
	{"ff00::/8", "multicast"},
}

// ranges are the prefixes of special, parsed when they are first needed: not in
// each process of a start.
var ranges struct {
	once   sync.Once
	prefix []netip.Prefix
}

func specialRanges() []netip.Prefix {
	ranges.once.Do(func() {
		for _, s := range special {
			ranges.prefix = append(ranges.prefix, netip.MustParsePrefix(s.prefix))
		}
	})
	return ranges.prefix
}

// NotPublic are the ranges that are not of the public internet.
func NotPublic() []netip.Prefix { return slices.Clone(specialRanges()) }

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Plain is the address that a connection to a really goes to: an IPv4 address
// where a is one in an IPv6 form (mapped, RFC 4291; NAT64, RFC 6052), without a
// zone.
func Plain(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if nat64.Contains(a) {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

// Metadata reports whether a is where clouds tell a machine its own credentials:
// no project needs it.
func Metadata(a netip.Addr) bool {
	a = Plain(a)
	for _, s := range metadata {
		if netip.MustParsePrefix(s).Contains(a) {
			return true
		}
	}
	return false
}

// metadata are all of link-local, Azure's, that of EC2 by IPv6, and Alibaba's.
var metadata = []string{"169.254.0.0/16", "fe80::/10", "168.63.129.16/32", "fd00:ec2::/32", "100.100.100.200/32"}

// shared is for carriers, and for overlay networks such as Tailscale's.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// isPrivate reports whether a is one of a local network: neither public, nor of
// this host alone, nor where a machine finds its credentials.
func isPrivate(a netip.Addr) bool {
	a = Plain(a)
	return (a.IsPrivate() || shared.Contains(a)) && !Metadata(a)
}

// Special is what a is if it is not of the public internet; empty if it is.
func Special(a netip.Addr) string {
	a = Plain(a)
	if !a.IsValid() {
		return "no address"
	}
	for i, p := range specialRanges() {
		if p.Contains(a) {
			return special[i].what
		}
	}
	return ""
}
