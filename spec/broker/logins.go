package broker

import (
	"fmt"
	"path"
	"slices"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// loginBrokers are those of an agent whose key k is the token of a login: the
// one that has it and, where the jail can log in, the one that keeps what comes
// of that.
func (w *Wanted) loginBrokers(c *network.Config, k agent.Key) ([]network.Broker, error) {
	can, err := w.canLogIn(c, k)
	if err != nil || w.Login == "" && !can {
		return nil, err
	}
	from := w.Login
	if from == "" {
		from = w.Keep
	}
	o := k.For(network.FromLogin + from)
	o.Env, o.URLEnv = "", ""
	if !can {
		return []network.Broker{o}, nil
	}
	o.Keep = w.Keep
	t := k.Tokens.Broker()
	t.Tokens.For = o.Name
	return []network.Broker{o, t}, nil
}

// canLogIn: the agent can log in inside, and what comes of that can be kept.
// That opens no name that is closed.
func (w *Wanted) canLogIn(c *network.Config, k agent.Key) (bool, error) {
	if w.Keep == "" || k.Tokens == nil {
		return false, nil
	}
	t := k.Tokens.Broker()
	if slices.ContainsFunc(w.Policy.Brokers, func(o network.Broker) bool {
		return o.Name == t.Name || o.Host == t.OwnHost() || o.OwnHost() == t.OwnHost()
	}) {
		return false, nil // that broker is the user's
	}
	if w.LogIn {
		return true, nil
	}
	return reaches(c, k.For("").OwnHost(), t.OwnHost())
}

// reaches: the rules let the jail reach these services, without a broker.
func reaches(c *network.Config, hosts ...string) (bool, error) {
	n, err := c.Parse()
	if err != nil {
		return false, err
	}
	for _, host := range hosts {
		if !n.Rules().Connect(host, network.HTTPSPort).OK {
			return false, nil
		}
	}
	return true, nil
}

// opened opens brokers to requests without their placeholder where the service is
// for others as well, and the jail reaches it anyway.
func opened(c *network.Config, brokers []network.Broker, services []agent.Service) error {
	for i, s := range services {
		if !s.Shared {
			continue
		}
		open, err := reaches(c, s.Host)
		if err != nil {
			return err
		}
		brokers[i].Open = open
	}
	return nil
}

// otherLogins adds the brokers of the logins of agents that are not Claude Code.
func (w *Wanted) otherLogins(c *network.Config) error {
	for i, l := range w.Agent.Logins {
		if i >= len(w.Logins) || w.Logins[i] == "" || !w.Certificates || l.Variable != "" && w.says(l.Variable) {
			continue
		}
		all := l.Brokers(w.Logins[i])
		if slices.ContainsFunc(slices.Concat(c.Brokers, w.Policy.Brokers), func(o network.Broker) bool {
			return slices.Contains(l.Unless, o.Name) || slices.ContainsFunc(all, func(a network.Broker) bool {
				return a.Name == o.Name || a.OwnHost() == o.Host || a.OwnHost() == o.OwnHost()
			})
		}) {
			continue // a key is used instead, or the service has a broker of the user's
		}
		if err := opened(c, all, l.Services); err != nil {
			return err
		}
		c.Brokers = append(c.Brokers, all...)
	}
	return nil
}

// service is a broker of the policy. One whose key is made inside comes with the
// one that keeps what comes of that, which is itself where both are one host.
func (w *Wanted) service(o network.Broker) ([]network.Broker, error) {
	if o.LogIn == "" {
		return []network.Broker{o}, nil
	}
	if w.Services == "" || !w.Certificates {
		return nil, fmt.Errorf("broker %q: login: there is no state of this project to keep tokens in, or no certificates of this host", o.Name)
	}
	o.Keep = path.Join(w.Services, o.Name)
	o.From = network.Service(o.Keep)
	if o.Host == "" {
		o.Host = o.OwnHost()
	}
	host, at := o.Endpoint()
	tokens := &network.Tokens{For: o.Name, Path: at}
	if host == o.Host {
		o.Tokens = tokens
		return []network.Broker{o}, nil
	}
	for _, p := range w.Policy.Brokers {
		if p.Host == host || p.Host == "" && p.OwnHost() == host {
			return nil, fmt.Errorf("broker %q: login: the broker %q stands for %s already", o.Name, p.Name, host)
		}
	}
	return []network.Broker{o, {Name: o.Name + "-login", Host: host, Upstream: "https://" + host, Tokens: tokens}}, nil
}
