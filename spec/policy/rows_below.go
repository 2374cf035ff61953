package policy

import (
	"github.com/jailed-claude/jailed-claude/spec/policy/confine"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
	"github.com/jailed-claude/jailed-claude/spec/policy/lending"
)

type (
	// SSH is what the host's ssh agent does for a jail.
	SSH = lending.SSH
	// SSHLayer is what a layer says about SSH.
	SSHLayer = lending.SSHLayer
	// Bridges are what the host's desktop does for a jail.
	Bridges = lending.Bridges
	// BridgesLayer is what a layer says about Bridges.
	BridgesLayer = lending.BridgesLayer

	// Env is the environment beyond the built-in allow-list.
	Env = confine.Env
	// EnvLayer is what a layer says about Env.
	EnvLayer = confine.EnvLayer
	// Nix is what the jail sees of Nix.
	Nix = confine.Nix
	// NixLayer is what a layer says about Nix.
	NixLayer = confine.NixLayer
	// Limits are those of the jail's cgroup, and of its caches.
	Limits = confine.Limits
	// LimitsLayer is what a layer says about Limits.
	LimitsLayer = confine.LimitsLayer
	// Identity is who the agent is inside.
	Identity = confine.Identity
	// IdentityLayer is what a layer says about Identity.
	IdentityLayer = confine.IdentityLayer
	// Terminal is what the jail may make the caller's terminal do.
	Terminal = confine.Terminal
	// TerminalLayer is what a layer says about Terminal.
	TerminalLayer = confine.TerminalLayer
)

// lent are rows of the table.
func lent[L, P any](rows []key.Row[L, P], layer func(*Layer) *L, policy func(*Policy) *P) (all []row) {
	for _, r := range rows {
		all = append(all, row{
			Key: r.Key, check: r.Check, change: r.Change,
			layer:  func(l *Layer) any { return r.Layer(layer(l)) },
			policy: func(p *Policy) any { return r.Policy(policy(p)) },
		})
	}
	return all
}

func bridgeRows() []row {
	return lent(lending.BridgeRows(), func(l *Layer) *BridgesLayer { return &l.Bridges }, func(p *Policy) *Bridges { return &p.Bridges })
}

func sshRows() []row {
	return lent(lending.SSHRows(), func(l *Layer) *SSHLayer { return &l.SSH }, func(p *Policy) *SSH { return &p.SSH })
}

// jailRows are the keys of what the jail is.
func jailRows() (all []row) {
	all = append(all, lent(confine.EnvRows(), func(l *Layer) *EnvLayer { return &l.Env }, func(p *Policy) *Env { return &p.Env })...)
	all = append(all, lent(confine.NixRows(), func(l *Layer) *NixLayer { return &l.Nix }, func(p *Policy) *Nix { return &p.Nix })...)
	all = append(all, lent(confine.LimitsRows(), func(l *Layer) *LimitsLayer { return &l.Limits }, func(p *Policy) *Limits { return &p.Limits })...)
	all = append(all, lent(confine.IdentityRows(), func(l *Layer) *IdentityLayer { return &l.Identity }, func(p *Policy) *Identity { return &p.Identity })...)
	all = append(all, lent(confine.TerminalRows(), func(l *Layer) *TerminalLayer { return &l.Terminal }, func(p *Policy) *Terminal { return &p.Terminal })...)
	return all
}
