package spec

import (
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// upstream says by which way connections go out. Which proxies there are is the
// host's affair, and they may have passwords: config.json does not say.
func (b *builder) upstream(c *network.Config) {
	if b.Policy.Network.Upstream == network.UpstreamNone {
		c.Upstream = network.UpstreamNone
		return
	}
	if b.Env.Proxied {
		b.grant("network", "your proxies", "upstream", b.origin("network.upstream"),
			strings.Join(network.ProxyVariables, ", ")+" where NO_PROXY does not say otherwise; they look names up, and see where connections go")
	}
}
