package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/hint"
	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/contract"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// CheckAPI refuses a jail in which Claude Code is to answer once (-p), and that
// has no way to the service that answers: it would try for three minutes and say
// nothing. Who talks to it on a terminal sees what it says.
func CheckAPI(in *spec.Input, j *contract.Jail) error {
	once := slices.ContainsFunc(in.Args, func(a string) bool { return a == "-p" || a == "--print" })
	if !once || len(in.Command) > 0 || !isClaude(in) || in.Policy.Network.Mode == network.Host || elsewhere(j) {
		return nil
	}
	api := in.Policy.Agent.Row().Hosts[0]
	why := "the jail has no network"
	if n := j.Network; n != nil {
		brokered := slices.ContainsFunc(n.Brokers, func(b network.Broker) bool { return b.Host == api })
		v := n.Rules().Connect(api, network.HTTPSPort)
		if denied := n.Rules().Denied(api, network.HTTPSPort); v.OK || denied.OK && (brokered || n.Ask) {
			return nil
		}
		why = v.Why
	}
	allow := "to allow it: --net filtered --allow @claude"
	if !lent.Open(in.Policy) {
		allow = network.ByMachine + " (" + policy.MachineName + ")"
	}
	return hint.Add(fmt.Errorf("claude -p has no way to %s: %s", api, why),
		allow, "with a key in ANTHROPIC_API_KEY that stays outside, no rule is needed", "to start all the same: --no-check")
}

// unusedKeys say which keys of the caller the agent does not use, since they are for
// another service: without a word it would only ask for a login.
func unusedKeys(in *spec.Input) (warnings Warnings) {
	p := in.Policy
	if len(in.Command) > 0 || p.Agent.Key != policy.KeyAuto {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(in.Env.Elsewhere)) {
		url := in.Env.Elsewhere[name]
		said := func(variable string) bool {
			_, set := p.Env.Set[variable]
			return set || slices.Contains(p.Env.Pass, variable)
		}
		if said(name) || said(url) || slices.ContainsFunc(p.Brokers, func(b network.Broker) bool { return b.Env == name || b.URLEnv == url }) {
			continue
		}
		warnings.add("the key in %s is not used: %s names another service; to hand both over: --env %[1]s --env %[2]s; to keep the key outside, write a [[broker]] for that service", name, url)
	}
	return warnings
}

// elsewhere: the agent has been told of another service, or speaks to a broker by
// an address.
func elsewhere(j *contract.Jail) bool {
	return slices.ContainsFunc(j.Spec.Process.Env, func(e string) bool {
		name, value, _ := strings.Cut(e, "=")
		return value != "" && (name == "ANTHROPIC_BASE_URL" || strings.HasPrefix(name, "CLAUDE_CODE_USE_"))
	})
}
