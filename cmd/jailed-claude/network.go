package main

import (
	"fmt"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// noRedirection is what to do on a host whose kernel has no nf_tables.
var noRedirection = []string{
	"without nf_tables, rules hold for programs that honour proxy variables, and others reach nothing: network.via = \"proxy\" in the policy",
	"or give the jail no network: --net none (its brokers need network.via = \"proxy\" as well)",
	"or all of yours, without any rule: --net host",
}

// checkAllow refuses an --allow that would change nothing: who writes it
// believes that something else is closed.
func (f *jailFlags) checkAllow(n policy.Network) error {
	for _, s := range f.allow {
		switch n.Mode {
		case policy.NetNone:
			return hint(fmt.Errorf("--allow %q: with the network mode %q nothing is allowed", s, n.Mode),
				"to allow it and nothing else: --net filtered")
		case policy.NetHost:
			return hint(fmt.Errorf("--allow %q: with the network mode %q everything is allowed already", s, n.Mode),
				"to allow it and nothing else: --net filtered")
		case policy.NetInternet:
			if isPublic(s) {
				return hint(fmt.Errorf("--allow %q: with the network mode %q every public name is allowed already", s, n.Mode),
					"to allow it and nothing else: add --net filtered")
			}
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
	return err == nil && r.Name() != "" && r.Name() != network.HostName
}

// brokerOf is the broker of a jail whose placeholder is in a variable.
func brokerOf(j *contract.Jail, variable string) *network.Broker {
	text, ok := j.Spec.Annotations[contract.NetworkAnnotation]
	if !ok {
		return nil
	}
	c, err := network.Decode(text)
	if err != nil {
		return nil // Build has checked it
	}
	for i, b := range c.Brokers {
		if b.Env == variable {
			return &c.Brokers[i]
		}
	}
	return nil
}
