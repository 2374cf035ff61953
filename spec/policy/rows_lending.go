package policy

import "github.com/jailed-claude/jailed-claude/spec/policy/lending"

type (
	// SSH is what the host's ssh agent does for a jail.
	SSH = lending.SSH
	// SSHLayer is what a layer says about SSH.
	SSHLayer = lending.SSHLayer
	// Bridges are what the host's desktop does for a jail.
	Bridges = lending.Bridges
	// BridgesLayer is what a layer says about Bridges.
	BridgesLayer = lending.BridgesLayer
)

// lent are rows of the table.
func lent[L, P any](rows []lending.Row[L, P], layer func(*Layer) *L, policy func(*Policy) *P) (all []row) {
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
