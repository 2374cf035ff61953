package broker

import (
	"fmt"
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Names gives brokers the names of their services: in the jail, port 443 of such a
// name is the broker, by a certificate of the jail's authority, which needs the
// host's certificates. A name that two have by default stays nobody's.
func Names(c *network.Config, certificates bool) error {
	taken := map[string]int{}
	for _, o := range c.Brokers {
		if o.Host != "" && !certificates {
			return fmt.Errorf("broker %q: host needs the certificates of this host, and there are none", o.Name)
		}
		if o.Host == "" {
			o.Host = o.OwnHost()
		}
		taken[o.Host]++
	}
	if !certificates {
		return nil
	}
	c.Brokers = slices.Clone(c.Brokers)
	for i := range c.Brokers {
		o := &c.Brokers[i]
		if own := o.OwnHost(); o.Host == "" && taken[own] == 1 {
			o.Host = own
		}
	}
	return nil
}

// ByName reports whether one of these brokers of a policy is, in the jail, by the
// name of its service.
func ByName(made, policy []network.Broker) bool {
	return slices.ContainsFunc(made, func(o network.Broker) bool {
		return o.Host != "" && slices.ContainsFunc(policy, func(p network.Broker) bool { return p.Name == o.Name })
	})
}
