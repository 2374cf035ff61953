package spec

import (
	"cmp"
	"slices"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/broker"
	"github.com/jailed-claude/jailed-claude/spec/lent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// envAllowed are the variables that cross from the caller: what a terminal
// program needs in order to look and speak right, and nothing that names a
// service, a socket, a file or a secret.
var envAllowed = []string{
	"COLORTERM", "COLORFGBG", "EDITOR", "FORCE_COLOR", "LANG", "LANGUAGE", "NO_COLOR", "PAGER", "TERM",
	"TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TZ", "VISUAL",
}

func allowedEnv(name string) bool {
	return slices.Contains(envAllowed, name) || strings.HasPrefix(name, "LC_")
}

// Env is what of the caller's environment Build may know. The rest of it, with
// the caller's secrets, is never part of an Input.
type Env struct {
	// Proxied: the caller's programs use a proxy, by which jails go as well.
	Proxied bool
	// Display is the socket of the caller's display, if the policy names one.
	Display string
	// Vars cross into the jail, unless it makes them itself. Build leaves out
	// any that may not.
	Vars map[string]string
	// Elsewhere are variables of the caller with a key that is not used, each with
	// the one by which it is for another service.
	Elsewhere map[string]string
	broker.Outside
}

// EnvOf is the part of the caller's environment that a policy lets cross.
func EnvOf(p policy.Policy, caller map[string]string) Env {
	e := Env{Vars: map[string]string{}, Proxied: network.Proxied(caller), Display: lent.Socket(p.Bridges.Display, caller)}
	for name, value := range caller {
		if crosses(p, name) {
			e.Vars[name] = value
		}
	}
	for _, k := range p.Agent.Row().Keys {
		// With another service the key is that one's, and not for this one.
		switch {
		case caller[k.Variable] == "":
		case k.Sent(cmp.Or(caller[k.URL], caller[k.Elsewhere])):
			e.Keys = append(e.Keys, k.Variable)
		case caller[k.URL] != "":
			e.elsewhere(k.Variable, k.URL)
		default:
			e.elsewhere(k.Variable, k.Elsewhere)
		}
	}
	return e
}

func (e *Env) elsewhere(key, url string) {
	if e.Elsewhere == nil {
		e.Elsewhere = map[string]string{}
	}
	e.Elsewhere[key] = url
}

// EnvNames are the names that EnvOf lets cross; "LC_*" stands for all that begin
// like that.
func EnvNames(p policy.Policy) []string {
	return slices.Concat(envAllowed, []string{"LC_*"}, p.Env.Pass)
}

// crosses: the variable is on the allow-list, or the policy passes it.
func crosses(p policy.Policy, name string) bool {
	return allowedEnv(name) || slices.Contains(p.Env.Pass, name)
}
