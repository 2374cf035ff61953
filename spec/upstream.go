package spec

import (
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// proxyVariables name the caller's proxies, in either case.
var proxyVariables = []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"}

// proxied: the caller's programs use a proxy.
func proxied(caller map[string]string) bool {
	for _, name := range proxyVariables {
		if caller[name] != "" || caller[strings.ToLower(name)] != "" {
			return true
		}
	}
	return false
}

// upstream says by which way connections go out. Which proxies there are is the
// host's affair, and they may have passwords: config.json does not say.
func (b *builder) upstream(c *network.Config) {
	if b.Policy.Network.Upstream == network.UpstreamNone {
		c.Upstream = network.UpstreamNone
		return
	}
	if b.Env.Proxied {
		b.grant("network", "your proxies", "upstream", b.origin("network.upstream"),
			strings.Join(proxyVariables, ", ")+" where NO_PROXY does not say otherwise; they look names up, and see where connections go")
	}
}
