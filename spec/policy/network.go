package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/define"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
	"github.com/jailed-claude/jailed-claude/spec/preset"
)

// network checks rules. What the rules mean is for package network.
func (c *checker) network() {
	n := c.layer.Network
	c.each("network.allow", n.Allow, func(s string) string {
		if slices.Contains(c.layer.allow, s) || define.Preset(c.own, s) != nil {
			return ""
		}
		return scalar.Rule(preset.Check(s))
	})
	c.each("network.deny", n.Deny, func(s string) string {
		if slices.Contains(c.layer.deny, s) {
			return ""
		}
		if strings.HasPrefix(s, "@") {
			return fmt.Sprintf("%q: presets are for network.allow: name what is denied", s)
		}
		_, err := network.ParseDeny(s)
		return scalar.Rule(err)
	})
}
