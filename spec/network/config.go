package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Modes.
const (
	// None: nothing but the jail's own loopback, and its brokers.
	None = "none"
	// Filtered: what Allow names.
	Filtered = "filtered"
	// Internet: every public address that is not this host's, and what
	// Allow names of others.
	Internet = "internet"
	// Host: the host's own network namespace. No Config has it: there is
	// nothing to enforce.
	Host = "host"
)

// What a TLS client must show on port 443 in mode Filtered.
const (
	// TLSStrict: a ClientHello whose server name is the name that was looked
	// up, and no encrypted one beside it.
	TLSStrict = "strict"
	// TLSAny: anything at all.
	TLSAny = "any"
)

// How connections get to the relay.
const (
	// ViaRedirect: nftables in the jail's network namespace send every
	// connection there. Programs notice nothing.
	ViaRedirect = "redirect"
	// ViaProxy: programs that honour HTTPS_PROXY and the like ask for it; all
	// others reach nothing. For hosts without nf_tables.
	ViaProxy = "proxy"
)

// Lists to which nothing is added (Config.Fixed).
const (
	FixedAllow = "allow"
	FixedPorts = "ports"
)

// Whether connections go out by the host's proxies.
const (
	// UpstreamAuto: where HTTPS_PROXY and the like name one.
	UpstreamAuto = "auto"
	// UpstreamNone: never.
	UpstreamNone = "none"
)

// AddressesReal answers names with their own addresses, where those are public.
const AddressesReal = "real"

// Addresses and ports inside a jail's network namespace. They are the same in
// every jail, so config.json is the same on every host.
var (
	// Fake is the range that names are answered from: "benchmarking", RFC
	// 2544, never on the public internet.
	Fake = netip.MustParsePrefix("198.18.0.0/15")
	// Gateway is the jail's own address, on its loopback device. Name server
	// and relay listen on it.
	Gateway = netip.MustParseAddr("198.18.0.1")
	// Gateway6 is where the relay listens besides, if the jail can connect to
	// addresses of IPv6: "benchmarking" as well, RFC 5180.
	Gateway6 = netip.MustParseAddr("2001:2::1")
	// FirstName is the first address that a name is answered with. Below it
	// are those of the brokers.
	FirstName = netip.MustParseAddr("198.18.1.0")
)

const (
	// RelayPort is where connections are redirected to. A jailed program can
	// listen on no port below 1024, so it is in nobody's way.
	RelayPort = 1023
	// DNSPort is the name server's.
	DNSPort = 53
	// BrokerPort is where a broker answers, in plain HTTP; with TLS, by the
	// service's own name, it is HTTPSPort.
	BrokerPort = 80
	// HTTPSPort is the one of TLS.
	HTTPSPort = 443
)

// HostName is the name under which a rule such as "host:5432" reaches a
// service of the host's loopback.
const HostName = "host"

// Config is the network of one jail. Lists are in the order of the policy.
type Config struct {
	// Mode is None, Filtered or Internet.
	Mode string `json:"mode"`
	// Via is ViaRedirect or ViaProxy.
	Via string `json:"via"`
	// TLS is TLSStrict or TLSAny.
	TLS string `json:"tls"`
	// Allow and Deny are rules (ParseRule, ParseDeny), without presets.
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
	// Ask: a connection that no rule is of waits for the user's word.
	Ask bool `json:"ask,omitempty"`
	// Ports of the jail's loopback that are published on the host's.
	Ports []uint16 `json:"ports,omitempty"`
	// HostPorts of the host's loopback that the jail reaches at its own.
	HostPorts []uint16 `json:"hostPorts,omitempty"`
	// Brokers by the order of their addresses.
	Brokers []Broker `json:"brokers,omitempty"`
	// Upstream is UpstreamNone, or empty: connections go out by the proxies that
	// the host's programs use, if there are some.
	Upstream string `json:"upstream,omitempty"`
	// Addresses is AddressesReal, or empty: a name is answered with an address of
	// the jail's own.
	Addresses string `json:"addresses,omitempty"`
	// Fixed are FixedAllow and FixedPorts, where the policy of the machine sets the
	// list: while the jail runs nothing is added to it that it has not.
	Fixed []string `json:"fixed,omitempty"`
	// SSH is what the host's ssh agent signs; nil for nothing.
	SSH *SSH `json:"ssh,omitempty"`
	// Bridges are programs of the host that the jail may ask for; nil for none.
	Bridges *Bridges `json:"bridges,omitempty"`
}

// Network is a Config that has passed Parse, with the rules as they decide.
type Network struct {
	Config
	rules *Rules
}

// Rules are those of the configuration. Changes of it since Parse are not in
// them.
func (n *Network) Rules() *Rules { return n.rules }

// Decode reads the JSON of a Config, strictly, and parses it.
func Decode(text string) (*Network, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	var c Config
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if d.More() {
		return nil, errors.New("network: something follows the object")
	}
	return c.Parse()
}

// Encode writes what Decode reads, in one way only.
func (c Config) Encode() (string, error) {
	text, err := json.Marshal(c)
	return string(text), err
}

// Hosts are the names of services that brokers answer for, in their order: the
// jail's authority signs for these.
func (c Config) Hosts() (hosts []string) {
	for _, b := range c.Brokers {
		if b.Host != "" {
			hosts = append(hosts, b.Host)
		}
	}
	return hosts
}

// Six are the rules of IPv6 addresses. Only with one there is a route for these in a
// jail: its programs, which are told no such address, have no other use of it.
func (c Config) Six() (rules []string) {
	for _, s := range c.Allow {
		if r, err := ParseRule(s); err == nil && r.Prefix().IsValid() && r.Prefix().Addr().Is6() {
			rules = append(rules, s)
		}
	}
	return rules
}

// Parse reports everything that is wrong with c, and otherwise returns it with
// its rules.
func (c Config) Parse() (*Network, error) {
	var bad []error
	one := func(what, value string, values ...string) {
		if slices.Contains(values, value) {
			return
		}
		bad = append(bad, fmt.Errorf("network: %s is %q, not one of %q", what, value, values))
	}
	one("mode", c.Mode, None, Filtered, Internet)
	one("upstream", c.Upstream, "", UpstreamNone)
	one("addresses", c.Addresses, "", AddressesReal)
	one("via", c.Via, ViaRedirect, ViaProxy)
	one("tls", c.TLS, TLSStrict, TLSAny)
	rules, err := c.parseRules()
	if err != nil {
		bad = append(bad, err)
	}
	if c.Mode == None && len(c.Allow) > 0 {
		bad = append(bad, fmt.Errorf("network: mode %q allows nothing, and there are rules: %q", c.Mode, c.Allow))
	}
	for _, f := range c.Fixed {
		one("fixed", f, FixedAllow, FixedPorts)
	}
	if c.Ask && slices.Contains(c.Fixed, FixedAllow) {
		bad = append(bad, errors.New("network: nobody can be asked for what may not be added"))
	}
	ports := map[uint16]bool{}
	for _, p := range c.Ports {
		if p == 0 || ports[p] {
			bad = append(bad, fmt.Errorf("network: port %d is published twice, or no port", p))
		}
		ports[p] = true
	}
	for _, p := range c.HostPorts {
		switch {
		case slices.Contains(c.Ports, p):
			bad = append(bad, fmt.Errorf("network: port %d leads to the jail (network.ports), so it cannot lead to the host as well (network.host-ports)", p))
		case p == 0 || ports[p]:
			bad = append(bad, fmt.Errorf("network: port %d of the host is named twice, or no port", p))
		}
		ports[p] = true
	}
	if c.Bridges != nil && c.Bridges.IDE != "" && ports[IDEPort] {
		bad = append(bad, fmt.Errorf("network: port %d is that of the editor (bridges.ide)", IDEPort))
	}
	if len(c.Brokers) > maxBrokers {
		bad = append(bad, fmt.Errorf("network: %d brokers: there can be %d", len(c.Brokers), maxBrokers))
	}
	for _, err := range []error{c.SSH.check(), c.Bridges.check()} {
		if err != nil {
			bad = append(bad, err)
		}
	}
	names, hosts := map[string]bool{}, map[string]string{}
	for _, b := range c.Brokers {
		if err := b.Check(); err != nil {
			bad = append(bad, err)
		}
		if names[b.Name] {
			bad = append(bad, fmt.Errorf("broker %q: there are two of this name", b.Name))
		}
		names[b.Name] = true
		if by, taken := hosts[b.Host]; taken && b.Host != "" {
			bad = append(bad, fmt.Errorf("broker %q: its host %q is that of broker %q, too", b.Name, b.Host, by))
		}
		hosts[b.Host] = b.Name
		if t := b.Tokens; t != nil && !slices.ContainsFunc(c.Brokers, func(o Broker) bool { return o.Name == t.For && o.Keep != "" }) {
			bad = append(bad, fmt.Errorf("broker %q: its tokens are for %q, which is no broker that keeps a login", b.Name, t.For))
		}
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return &Network{Config: c, rules: rules}, nil
}

// MayAllow reports whether a rule may be added while the jail runs. One of the
// configuration may: it takes back a denial.
func (c *Config) MayAllow(rule Rule) bool {
	return !slices.Contains(c.Fixed, FixedAllow) || slices.ContainsFunc(c.Allow, func(s string) bool {
		own, err := ParseRule(s)
		own.text, rule.text = "", ""
		return err == nil && own == rule
	})
}

// ByMachine is what is said of a host to which no rule of the user's can lead.
const ByMachine = "the policy of the machine leaves none to add"

// Refused is why the rules refused a host, and the Proposal for it: none, and who
// keeps it from being added, where that is so.
func (c *Config) Refused(v Verdict, host string, port uint16) (why, proposal string) {
	proposal = Proposal(v, host, port)
	if rule, err := ParseRule(proposal); err == nil && !c.MayAllow(rule) {
		return v.Why + "; " + ByMachine, ""
	}
	return v.Why, proposal
}

// MayPublish reports whether a port may be published while the jail runs.
func (c *Config) MayPublish(port uint16) bool {
	return !slices.Contains(c.Fixed, FixedPorts) || slices.Contains(c.Ports, port)
}
