package policy

import (
	"math"

	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
)

// networkRows are the keys of [network].
func networkRows() []row {
	return []row{
		{
			Key: Key{
				Name: "network.mode", Type: key.String, Default: NetInternet,
				Values: []string{NetNone, NetFiltered, NetInternet, NetHost},
				Text:   "What the jail can reach: nothing, what `allow` names, all public addresses, or all that the host can.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{NetNone, NetFiltered, NetInternet, NetHost},
				Wider: "the jail reaches more of the network", Narrower: "the jail reaches less of the network",
			},
			layer:  func(l *Layer) any { return &l.Network.Mode },
			policy: func(p *Policy) any { return &p.Network.Mode },
		},
		{
			Key: Key{
				Name: "network.allow", Type: key.Strings,
				Text: "Destinations that the jail may reach: names, addresses, services of the host, presets.",
			},
			change: change.Meaning{Direction: change.Grants, Wider: "the jail reaches it", Narrower: "the jail does not reach it"},
			layer:  func(l *Layer) any { return &l.Network.Allow },
			policy: func(p *Policy) any { return &p.Network.Allow },
		},
		{
			Key: Key{
				Name: "network.deny", Type: key.Strings,
				Text: "Destinations that the jail cannot reach, whatever allows them.",
			},
			change: change.Meaning{Direction: change.Bars, Wider: "the jail may reach it", Narrower: "the jail does not reach it, whatever allows it"},
			layer:  func(l *Layer) any { return &l.Network.Deny },
			policy: func(p *Policy) any { return &p.Network.Deny },
		},
		{
			Key: Key{
				Name: "network.ports", Type: key.Integers,
				Text:  "Ports of the jail that are published on the host's loopback.",
				Least: 1, Most: math.MaxUint16,
			},
			change: change.Meaning{Direction: change.Grants, Wider: "the host reaches this port of the jail", Narrower: "the host does not reach this port"},
			layer:  func(l *Layer) any { return &l.Network.Ports },
			policy: func(p *Policy) any { return &p.Network.Ports },
		},
		{
			Key: Key{
				Name: "network.host-ports", Type: key.Integers,
				Text:  "Ports of the host's loopback that the jail reaches at its own.",
				Least: 1, Most: math.MaxUint16,
			},
			change: change.Meaning{Direction: change.Grants, Wider: "the jail reaches this port of the host", Narrower: "the jail does not reach this port of the host"},
			layer:  func(l *Layer) any { return &l.Network.HostPorts },
			policy: func(p *Policy) any { return &p.Network.HostPorts },
		},
		{
			Key: Key{
				Name: "network.ask", Type: key.Boolean, Default: "false",
				Text: "In mode `filtered`, whether a connection to a name that no rule is of waits for your word (`jailed-claude allow`).",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{"false", "true"},
				Wider: "you are asked about names that no rule is of", Narrower: "names that no rule is of are refused at once",
			},
			layer:  func(l *Layer) any { return &l.Network.Ask },
			policy: func(p *Policy) any { return &p.Network.Ask },
		},
		{
			Key: Key{
				Name: "network.tls", Type: key.String, Values: []string{network.TLSStrict, network.TLSAny}, Default: network.TLSStrict,
				Text: "In mode `filtered`, whether port 443 is for TLS to the name that was allowed alone.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{network.TLSStrict, network.TLSAny},
				Wider: "an allowed name can stand for another one of the same provider", Narrower: "TLS names the server that was allowed",
			},
			layer:  func(l *Layer) any { return &l.Network.TLS },
			policy: func(p *Policy) any { return &p.Network.TLS },
		},
		{
			Key: Key{
				Name: "network.via", Type: key.String, Values: []string{network.ViaRedirect, network.ViaProxy}, Default: network.ViaRedirect,
				Text: "How connections get out: redirected by the kernel, or by proxy variables where it has no nf_tables.",
			},
			change: change.Meaning{Direction: change.Always, Wider: "other programs reach the network, by other means"},
			layer:  func(l *Layer) any { return &l.Network.Via },
			policy: func(p *Policy) any { return &p.Network.Via },
		},
		{
			Key: Key{
				Name: "network.upstream", Type: key.String, Values: []string{network.UpstreamAuto, network.UpstreamNone},
				Text: "Whether connections go out by your proxies (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, but for `NO_PROXY`). They do, if it is left out.",
			},
			change: change.Meaning{Direction: change.Always, Wider: "connections go out by another way"},
			layer:  func(l *Layer) any { return &l.Network.Upstream },
			policy: func(p *Policy) any { return &p.Network.Upstream },
		},
		{
			Key: Key{
				Name: "network.addresses", Type: key.String, Values: []string{"own", network.AddressesReal},
				Text: "Which addresses names have in the jail: addresses of its own (198.18.0.0/15), or theirs where they are public, for programs that refuse private ones. Its own, if it is left out.",
			},
			change: change.Meaning{Direction: change.Ranked, Rank: []string{"own", "", network.AddressesReal}, Wider: "the jail learns the addresses of names", Narrower: "the jail learns no addresses"},
			layer:  func(l *Layer) any { return &l.Network.Addresses },
			policy: func(p *Policy) any { return &p.Network.Addresses },
		},
	}
}
