package policy

import (
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
)

// brokerRows are the keys of [[broker]].
func brokerRows() []row {
	return []row{
		{
			Key: Key{
				Name: "broker.name", Type: key.String, Tables: true,
				Text: "Name of the broker, a DNS label: inside it is also at `http://NAME.broker.internal`. `host` with dashes by default.",
			},
			broker: func(b *network.Broker) any { return &b.Name },
		},
		{
			Key: Key{
				Name: "broker.host", Type: key.String, Tables: true,
				Text: "The service's own name: inside, `https://HOST` is the broker. That of `upstream` by default.",
			},
			broker: func(b *network.Broker) any { return &b.Host },
		},
		{
			Key: Key{
				Name: "broker.upstream", Type: key.String, Tables: true,
				Text: "The service that it speaks to, `https://HOST`. `https://` and `host` by default.",
			},
			broker: func(b *network.Broker) any { return &b.Upstream },
		},
		{
			Key: Key{
				Name: "broker.header", Type: key.String, Tables: true,
				Text: "The request header in which it puts the key.",
			},
			broker: func(b *network.Broker) any { return &b.Header },
		},
		{
			Key: Key{
				Name: "broker.from", Type: key.String, Tables: true,
				Text: "Where the key comes from, outside: `env:NAME`, `file:PATH` or `command:PROGRAM ARGUMENTS`. Without it there is no key.",
			},
			broker: func(b *network.Broker) any { return &b.From },
		},
		{
			Key: Key{
				Name: "broker.ttl", Type: key.String, Tables: true,
				Text: "How long the key that a command prints is used, `10m`: then the command is asked again. By default as long as the jail runs.",
			},
			broker: func(b *network.Broker) any { return &b.TTL },
		},
		{
			Key: Key{
				Name: "broker.login", Type: key.String, Tables: true,
				Text: "The token endpoint, `https://HOST/PATH`, where programs of the jail log in to the service (OAuth 2): the tokens stay outside. In the place of `from`.",
			},
			broker: func(b *network.Broker) any { return &b.LogIn },
		},
		{
			Key: Key{
				Name: "broker.env", Type: key.String, Tables: true,
				Text: "Variable that holds the placeholder of the key in the jail.",
			},
			broker: func(b *network.Broker) any { return &b.Env },
		},
		{
			Key: Key{
				Name: "broker.url-env", Type: key.String, Tables: true,
				Text: "Variable that holds the broker's URL in the jail.",
			},
			broker: func(b *network.Broker) any { return &b.URLEnv },
		},
		{
			Key: Key{
				Name: "broker.paths", Type: key.Strings, Tables: true,
				Text: "The only paths that are passed on; one that ends in `/` is of all below it.",
			},
			broker: func(b *network.Broker) any { return &b.Paths },
		},
		{
			Key: Key{
				Name: "broker.allow", Type: key.Strings, Tables: true,
				Text: "The only requests that are passed on, as `GET /repos/**`: `*` is one part of a path, `**` one or more.",
			},
			broker: func(b *network.Broker) any { return &b.Allow },
		},
		{
			Key: Key{
				Name: "broker.upgrade", Type: key.Strings, Tables: true,
				Text: "Protocols that a request may change to: `websocket`.",
			},
			broker: func(b *network.Broker) any { return &b.Upgrade },
		},
	}
}
