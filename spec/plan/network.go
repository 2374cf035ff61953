package plan

import (
	"fmt"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// checkAllow refuses an --allow that would change nothing: who writes it
// believes that something else is closed.
func (o *Options) checkAllow(n policy.Network) error {
	for _, s := range o.Allow {
		switch n.Mode {
		case policy.NetNone:
			return hint.Add(fmt.Errorf("--allow %q: network mode %q allows nothing", s, n.Mode),
				"to allow it and nothing else: --net filtered")
		case policy.NetHost:
			return hint.Add(fmt.Errorf("--allow %q: network mode %q already allows everything", s, n.Mode),
				"to allow it and nothing else: --net filtered")
		case policy.NetInternet:
			if isPublic(s) {
				return hint.Add(fmt.Errorf("--allow %q: network mode %q already allows every public name", s, n.Mode),
					"to allow it and nothing else: --net filtered", "if it leads to a private address: --allow private:"+s)
			}
		}
	}
	return nil
}

// checkHostPorts is checkAllow for --host-port.
func (o *Options) checkHostPorts(n policy.Network) error {
	for _, p := range o.HostPorts {
		switch n.Mode {
		case policy.NetNone:
			return hint.Add(fmt.Errorf("--host-port %d: network mode %q reaches nothing of the host", p, n.Mode),
				"to reach this port and nothing else: --net filtered")
		case policy.NetHost:
			return hint.Add(fmt.Errorf("--host-port %d: network mode %q already reaches every port of the host", p, n.Mode),
				"to reach this port and nothing else: --net filtered")
		}
	}
	return nil
}

// isPublic: the rule is of names of the internet.
func isPublic(rule string) bool {
	if strings.HasPrefix(rule, "@") {
		return true
	}
	r, err := network.ParseRule(rule)
	return err == nil && r.Name() != "" && r.Name() != network.HostName && !r.Private()
}
