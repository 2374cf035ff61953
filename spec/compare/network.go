package compare

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// modeID is the mode of the network, which every configuration has: it follows
// from the network namespace and NetworkAnnotation.
var modeID = factID{"network.mode", ""}

// brokerKey is where a service is used with a secret of the host's.
const brokerKey = "network.brokers"

// sshKey is what the ssh agent of the host signs.
const sshKey = "network.ssh"

// bridgesKey is what programs of the host do.
const bridgesKey = "network.bridges"

// network takes NetworkAnnotation apart.
func (c *config) network(v any) {
	text, _ := v.(string)
	var n network.Config
	if json.Unmarshal([]byte(text), &n) != nil {
		c.facts[factID{"annotations." + contract.NetworkAnnotation, ""}] = text
		return
	}
	c.facts[modeID] = n.Mode
	if n.TLS != network.TLSStrict {
		c.facts[factID{"network.tls", ""}] = n.TLS
	}
	if n.Via != network.ViaRedirect {
		c.facts[factID{"network.via", ""}] = n.Via
	}
	if n.Ask {
		c.facts[factID{"network.ask", ""}] = "true"
	}
	for _, r := range n.Allow {
		c.facts[factID{"network.allow", r}] = "there"
	}
	for _, r := range n.Deny {
		c.facts[factID{"network.deny", r}] = "there"
	}
	for _, p := range n.HostPorts {
		c.facts[factID{"network.host-ports", strconv.Itoa(int(p))}] = "there"
	}
	for _, p := range n.Ports {
		c.facts[factID{"network.ports", strconv.Itoa(int(p))}] = "there"
	}
	if n.Addresses != "" {
		c.facts[factID{"network.addresses", ""}] = n.Addresses
	}
	if n.Upstream != "" {
		c.facts[factID{"network.upstream", ""}] = n.Upstream
	}
	if n.SSH != nil {
		for _, h := range n.SSH.Hosts {
			c.facts[factID{sshKey, h.String()}] = compact(h.Keys)
		}
		for _, k := range n.SSH.Keys {
			c.facts[factID{sshKey, k}] = "signs"
		}
		for _, s := range n.SSH.Sign {
			c.facts[factID{sshKey, "sign " + s}] = "there"
		}
	}
	if b := n.Bridges; b != nil {
		for name, mode := range map[string]string{network.BridgeOpen: b.Open, network.BridgeClipboard: b.Clipboard, network.BridgeIDE: b.IDE, network.BridgeDisplay: b.Display} {
			if mode != "" {
				c.facts[factID{bridgesKey, name + " " + mode}] = "there"
			}
		}
		if b.Notify {
			c.facts[factID{bridgesKey, network.BridgeNotify}] = "there"
		}
	}
	for _, b := range n.Brokers {
		c.facts[factID{brokerKey, b.Name}] = compact(b)
	}
}

// mode settles modeID when all else is known.
func (c *config) mode() {
	switch own := c.facts[factID{"linux.namespaces", "network"}]; {
	case own == "":
		c.facts[modeID] = network.Host
	case c.facts[modeID] == "":
		c.facts[modeID] = network.None
	}
}

// narrower: a mode reaches less than another one.
func narrower(from, to string) bool {
	modes := []string{network.None, network.Filtered, network.Internet, network.Host}
	a, b := slices.Index(modes, from), slices.Index(modes, to)
	return b >= 0 && b < a
}
