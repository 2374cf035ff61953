package supervisor

import (
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/credential"
	"github.com/jailed-claude/jailed-claude/runtime/egress/broker"
	"github.com/jailed-claude/jailed-claude/runtime/key"
	"github.com/jailed-claude/jailed-claude/runtime/login"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// logins are the sources of brokers whose key is the token of a login, and who
// keeps those that are made in the jail. What came for such a broker as a key
// is the folder of the login; nothing came where there is none yet.
func (n *jailNet) logins() (map[string]broker.Source, map[string]broker.Keeper) {
	sources, keepers := map[string]broker.Source{}, map[string]broker.Keeper{}
	// Brokers of one login share it: it is refreshed once.
	type place struct{ format, dir string }
	made := map[place]*login.Login{}
	at := func(format, dir, what string) *login.Login {
		f, _ := credential.Named(format) // config.json was checked
		p := place{f.Name, dir}
		if made[p] == nil {
			made[p] = &login.Login{Format: f, Dir: dir, What: what, Transport: login.NewTransport(n.roots, n.upstream.Request)}
		}
		return made[p]
	}
	for _, b := range n.config.Brokers {
		if b.Signs() && b.From != network.AWSEnv {
			sources[b.Name] = &key.AWS{File: n.keys[b.Name], Profile: strings.TrimPrefix(b.From, network.FromAWS)}
		}
		format, _, ok := b.Login()
		if !ok {
			continue
		}
		var before *login.Login
		if dir := n.keys[b.Name]; dir != "" && dir != b.Keep {
			before = at(format, dir, "the login of the host")
		}
		if b.Keep == "" {
			sources[b.Name] = before
			continue
		}
		k := &login.Kept{Own: at(format, b.Keep, "the login of this project"), Before: before}
		sources[b.Name], keepers[b.Name] = k, k
	}
	return sources, keepers
}
