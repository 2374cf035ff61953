package spec

import (
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// loginBrokers are those of an agent whose key k is the token of a login: the
// one that has it and, where the jail can log in, the one that keeps what comes
// of that.
func (b *builder) loginBrokers(c *network.Config, k agent.Key) ([]network.Broker, error) {
	can, err := b.canLogIn(c, k)
	if err != nil || b.Env.Login == "" && !can {
		return nil, err
	}
	from := b.Env.Login
	if from == "" {
		from = b.Env.Keep
	}
	o := k.For(network.FromLogin + from)
	o.Env, o.URLEnv = "", ""
	if !can {
		return []network.Broker{o}, nil
	}
	o.Keep = b.Env.Keep
	t := k.Tokens.Broker()
	t.Tokens.For = o.Name
	return []network.Broker{o, t}, nil
}

// canLogIn: the agent can log in inside, and what comes of that can be kept.
// That opens no name that is closed.
func (b *builder) canLogIn(c *network.Config, k agent.Key) (bool, error) {
	if b.Env.Keep == "" || k.Tokens == nil {
		return false, nil
	}
	t := k.Tokens.Broker()
	if slices.ContainsFunc(b.Policy.Brokers, func(o network.Broker) bool {
		return o.Name == t.Name || o.Host == t.OwnHost() || o.OwnHost() == t.OwnHost()
	}) {
		return false, nil // that broker is the user's
	}
	if b.Env.LogIn {
		return true, nil
	}
	n, err := c.Parse()
	if err != nil {
		return false, err
	}
	for _, host := range []string{k.For("").OwnHost(), t.OwnHost()} {
		if !n.Rules().Connect(host, network.HTTPSPort).OK {
			return false, nil
		}
	}
	return true, nil
}
