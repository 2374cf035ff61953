package policy

import (
	"math"
	"strconv"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
)

// rows is the one table of the schema.
func rows() []row {
	return []row{
		{
			Key: Key{
				Name: "version", Type: TypeInteger, Values: []string{strconv.Itoa(Version)},
				Text: "Version of the policy format. Every file must have it.",
			},
		},
		{
			Key: Key{
				Name: "agent.name", Type: TypeString, Values: agent.Names(),
				Text: "Which agent it is: whose folders, keys and variables the jail has. `agent.package` decides if it is left out.",
			},
			change: change.Meaning{Direction: change.Always, Wider: "another agent, with the folders, keys and hosts of that one"},
			layer:  func(l *Layer) any { return &l.Agent.Name },
			policy: func(p *Policy) any { return &p.Agent.Name },
		},
		{
			Key: Key{
				Name: "agent.package", Type: TypeString,
				Text: "The agent: a store path, a Nix installable, a program's path, or `host` for the one on PATH.",
			},
			check:  checkInstallable,
			change: change.Meaning{Direction: change.Always, Wider: "another program is the agent"},
			layer:  func(l *Layer) any { return &l.Agent.Package },
			policy: func(p *Policy) any { return &p.Agent.Package },
		},
		{
			Key: Key{
				Name: "agent.packages", Type: TypeStrings,
				Text: "More tools on PATH: store paths or Nix installables.",
			},
			check: checkPackage,
			change: change.Meaning{
				Direction: change.Grants, Wider: "more programs on PATH, which the policy chose", Narrower: "fewer programs on PATH",
				Ordered: "another program of the same name comes first on PATH",
			},
			layer:  func(l *Layer) any { return &l.Agent.Packages },
			policy: func(p *Policy) any { return &p.Agent.Packages },
		},
		{
			Key: Key{
				Name: "agent.config", Type: TypeString, Values: []string{ConfigPrivate, ConfigShared}, Default: ConfigPrivate,
				Text: "Whose Claude configuration the agent uses: one of the jail's own, or the host's.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{ConfigPrivate, ConfigShared},
				Wider: "your own Claude configuration, with its history and credentials", Narrower: "a Claude configuration of the jail's own",
			},
			layer:  func(l *Layer) any { return &l.Agent.Config },
			policy: func(p *Policy) any { return &p.Agent.Config },
		},
		{
			Key: Key{
				Name: "agent.key", Type: TypeString, Values: []string{KeyAuto, KeyNone}, Default: KeyAuto,
				Text: "Whether the agent uses the key in your ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN, which stays outside of the jail.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{KeyNone, KeyAuto},
				Wider: "the jail uses your Anthropic API key, without seeing it", Narrower: "the jail has no use of your Anthropic API key",
			},
			layer:  func(l *Layer) any { return &l.Agent.Key },
			policy: func(p *Policy) any { return &p.Agent.Key },
		},
		{
			Key: Key{
				Name: "agent.separate-worktrees", Type: TypeBoolean, Default: "false",
				Text: "Whether a linked git worktree has a private configuration of its own, not that of its repository.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{"true", "false"},
				Wider: "a worktree uses the private configuration of its repository", Narrower: "a worktree has a private configuration of its own",
			},
			layer:  func(l *Layer) any { return &l.Agent.SeparateWorktrees },
			policy: func(p *Policy) any { return &p.Agent.SeparateWorktrees },
		},
		{
			Key: Key{
				Name: "files.project", Type: TypeString, Values: []string{ProjectRW, ProjectRO}, Later: []string{"overlay"}, Default: ProjectRW,
				Text: "Whether the agent may change the project.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{ProjectRO, "overlay", ProjectRW},
				Wider: "the project can be changed", Narrower: "the project cannot be changed",
			},
			layer:  func(l *Layer) any { return &l.Files.Project },
			policy: func(p *Policy) any { return &p.Files.Project },
		},
		{
			Key: Key{
				Name: "files.read", Type: TypeStrings,
				Text: "Host files and folders that the agent may read.",
			},
			check:  scalar.Grant,
			change: change.Meaning{Direction: change.Grants, Wider: "the jail reads it on the host", Narrower: "the jail does not see it"},
			layer:  func(l *Layer) any { return &l.Files.Read },
			policy: func(p *Policy) any { return &p.Files.Read },
		},
		{
			Key: Key{
				Name: "files.write", Type: TypeStrings,
				Text: "Host files and folders that the agent may read and change.",
			},
			check: scalar.Grant,
			change: change.Meaning{
				Direction: change.Grants, Wider: "the jail changes it on the host, where your own tools may use it",
				Narrower: "the jail does not change it",
			},
			layer:  func(l *Layer) any { return &l.Files.Write },
			policy: func(p *Policy) any { return &p.Files.Write },
		},
		{
			Key: Key{
				Name: "files.hide", Type: TypeStrings,
				Text: "Patterns of project files that the agent cannot read, list or replace.",
			},
			check:  scalar.Pattern,
			change: change.Meaning{Direction: change.Bars, Wider: "the jail sees it", Narrower: "the jail does not see it"},
			layer:  func(l *Layer) any { return &l.Files.Hide },
			policy: func(p *Policy) any { return &p.Files.Hide },
		},
		{
			Key: Key{
				Name: "files.protect", Type: TypeStrings,
				Text: "Patterns of project files that are read-only, on top of the built-in list.",
			},
			check:  scalar.Pattern,
			change: change.Meaning{Direction: change.Bars, Wider: "the jail can change it", Narrower: "the jail cannot change it"},
			layer:  func(l *Layer) any { return &l.Files.Protect },
			policy: func(p *Policy) any { return &p.Files.Protect },
		},
		{
			Key: Key{
				Name: "network.mode", Type: TypeString, Default: NetInternet,
				Values: []string{NetNone, NetFiltered, NetInternet, NetHost},
				Text:   "What the jail can reach: nothing, what `allow` names, all public addresses, or all that the host can.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{NetNone, NetFiltered, NetInternet, NetHost},
				Wider: "the jail reaches more of the network", Narrower: "the jail reaches less of the network",
			},
			layer:  func(l *Layer) any { return &l.Network.Mode },
			policy: func(p *Policy) any { return &p.Network.Mode },
		},
		{
			Key: Key{
				Name: "network.allow", Type: TypeStrings,
				Text: "Destinations that the jail may reach: names, addresses, services of the host, presets.",
			},
			change: change.Meaning{Direction: change.Grants, Wider: "the jail reaches it", Narrower: "the jail does not reach it"},
			layer:  func(l *Layer) any { return &l.Network.Allow },
			policy: func(p *Policy) any { return &p.Network.Allow },
		},
		{
			Key: Key{
				Name: "network.deny", Type: TypeStrings,
				Text: "Destinations that the jail cannot reach, whatever allows them.",
			},
			change: change.Meaning{Direction: change.Bars, Wider: "the jail may reach it", Narrower: "the jail does not reach it, whatever allows it"},
			layer:  func(l *Layer) any { return &l.Network.Deny },
			policy: func(p *Policy) any { return &p.Network.Deny },
		},
		{
			Key: Key{
				Name: "network.ports", Type: TypeIntegers,
				Text: "Ports of the jail that are published on the host's loopback.",
			},
			least: 1, most: math.MaxUint16,
			change: change.Meaning{Direction: change.Grants, Wider: "the host reaches this port of the jail", Narrower: "the host does not reach this port"},
			layer:  func(l *Layer) any { return &l.Network.Ports },
			policy: func(p *Policy) any { return &p.Network.Ports },
		},
		{
			Key: Key{
				Name: "network.tls", Type: TypeString, Values: []string{network.TLSStrict, network.TLSAny}, Default: network.TLSStrict,
				Text: "In mode `filtered`, whether port 443 is for TLS to the name that was allowed alone.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{network.TLSStrict, network.TLSAny},
				Wider: "an allowed name can stand for another one of the same provider", Narrower: "TLS names the server that was allowed",
			},
			layer:  func(l *Layer) any { return &l.Network.TLS },
			policy: func(p *Policy) any { return &p.Network.TLS },
		},
		{
			Key: Key{
				Name: "network.via", Type: TypeString, Values: []string{network.ViaRedirect, network.ViaProxy}, Default: network.ViaRedirect,
				Text: "How connections get out: redirected by the kernel, or by proxy variables where it has no nf_tables.",
			},
			change: change.Meaning{Direction: change.Always, Wider: "other programs reach the network, by other means"},
			layer:  func(l *Layer) any { return &l.Network.Via },
			policy: func(p *Policy) any { return &p.Network.Via },
		},
		{
			Key: Key{
				Name: "env.pass", Type: TypeStrings,
				Text: "Names of environment variables that cross into the jail with the value they have outside.",
			},
			change: change.Meaning{Direction: change.Grants, Wider: "the value that you have outside crosses, secret or not", Narrower: "it does not cross"},
			layer:  func(l *Layer) any { return &l.Env.Pass },
			policy: func(p *Policy) any { return &p.Env.Pass },
		},
		{
			Key: Key{
				Name: "env.set", Type: TypeTable,
				Text: "Environment variables with a value of their own; `~/` at the start is the home folder.",
			},
			change: change.Meaning{Direction: change.Always, Wider: "a variable can change what programs do, and which ones"},
			layer:  func(l *Layer) any { return &l.Env.Set },
			policy: func(p *Policy) any { return &p.Env.Set },
		},
		{
			Key: Key{
				Name: "nix.daemon", Type: TypeString, Values: []string{DaemonOff, DaemonAuto}, Default: DaemonOff,
				Text: "Whether the jail gets the socket of the Nix daemon, if you can use it yourself.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{DaemonOff, DaemonAuto},
				Wider: "the Nix daemon works for the jail; if it trusts you, that is root on this host", Narrower: "no Nix daemon",
			},
			layer:  func(l *Layer) any { return &l.Nix.Daemon },
			policy: func(p *Policy) any { return &p.Nix.Daemon },
		},
		{
			Key: Key{
				Name: "nix.store", Type: TypeString, Values: []string{StoreClosure, StoreFull}, Default: StoreClosure,
				Text: "How much of /nix/store is visible, read-only: what the agent needs, or all of it.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{StoreClosure, StoreFull},
				Wider: "all of /nix/store is visible, whatever it holds", Narrower: "only what the agent needs of /nix/store is visible",
			},
			layer:  func(l *Layer) any { return &l.Nix.Store },
			policy: func(p *Policy) any { return &p.Nix.Store },
		},
		{
			Key: Key{
				Name: "limits.memory", Type: TypeSize,
				Text: "Most memory that all programs in the jail use together.",
			},
			least: 1, most: math.MaxInt64,
			change: change.Meaning{Direction: change.Limit, Wider: "more of this machine's memory", Narrower: "less of this machine's memory"},
			layer:  func(l *Layer) any { return &l.Limits.Memory },
			policy: func(p *Policy) any { return &p.Limits.Memory },
		},
		{
			Key: Key{
				Name: "limits.pids", Type: TypeInteger,
				Text: "Most processes and threads at one time.",
			},
			// PID_MAX_LIMIT of 64-bit Linux is the most that pids.max takes.
			least: 1, most: 1 << 22,
			change: change.Meaning{Direction: change.Limit, Wider: "more processes", Narrower: "fewer processes"},
			layer:  func(l *Layer) any { return &l.Limits.Pids },
			policy: func(p *Policy) any { return &p.Limits.Pids },
		},
		{
			Key: Key{
				Name: "limits.cpus", Type: TypeNumber,
				Text: "Most processors in use at one time; 1.5 is one and a half.",
			},
			// A quota of 1 ms in the usual period of 100 ms is the least that cpu.max
			// takes; NR_CPUS of the largest kernels is far below what overflows one.
			least: 0.01, most: 8192,
			change: change.Meaning{Direction: change.Limit, Wider: "more processors", Narrower: "fewer processors"},
			layer:  func(l *Layer) any { return &l.Limits.CPUs },
			policy: func(p *Policy) any { return &p.Limits.CPUs },
		},
		{
			Key: Key{
				Name: "identity.user", Type: TypeString, Values: []string{UserKeep, UserRoot}, Default: UserKeep,
				Text: "Who the agent is inside: your own user and group, or root of the jail's user namespace.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{UserKeep, UserRoot},
				Wider: "the agent is root of the jail's user namespace", Narrower: "the agent has your own ids",
			},
			layer:  func(l *Layer) any { return &l.Identity.User },
			policy: func(p *Policy) any { return &p.Identity.User },
		},
		{
			Key: Key{
				Name: "identity.nesting", Type: TypeBoolean, Default: "false",
				Text: "Whether the agent may make user namespaces, which its own sandbox needs.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{"false", "true"},
				Wider: "the agent makes namespaces, and with them replaces what is protected in all that it may write", Narrower: "the agent makes no namespaces",
			},
			layer:  func(l *Layer) any { return &l.Identity.Nesting },
			policy: func(p *Policy) any { return &p.Identity.Nesting },
		},
		{
			Key: Key{
				Name: "terminal.clipboard", Type: TypeString, Values: []string{ClipboardOff, ClipboardWrite}, Default: ClipboardOff,
				Text: "Whether the agent may put text on the clipboard of your terminal (OSC 52). It never reads it.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{ClipboardOff, ClipboardWrite},
				Wider: "the jail chooses what you paste next", Narrower: "your clipboard is out of the jail's reach",
			},
			layer:  func(l *Layer) any { return &l.Terminal.Clipboard },
			policy: func(p *Policy) any { return &p.Terminal.Clipboard },
		},
		{
			Key: Key{
				Name: "broker.name", Type: TypeString, Tables: true,
				Text: "Name of the broker, a DNS label: inside it is also at `http://NAME.broker.internal`. `host` with dashes by default.",
			},
			broker: func(b *network.Broker) any { return &b.Name },
		},
		{
			Key: Key{
				Name: "broker.host", Type: TypeString, Tables: true,
				Text: "The service's own name: inside, `https://HOST` is the broker. That of `upstream` by default.",
			},
			broker: func(b *network.Broker) any { return &b.Host },
		},
		{
			Key: Key{
				Name: "broker.upstream", Type: TypeString, Tables: true,
				Text: "The service that it speaks to, `https://HOST`. `https://` and `host` by default.",
			},
			broker: func(b *network.Broker) any { return &b.Upstream },
		},
		{
			Key: Key{
				Name: "broker.header", Type: TypeString, Tables: true,
				Text: "The request header in which it puts the key.",
			},
			broker: func(b *network.Broker) any { return &b.Header },
		},
		{
			Key: Key{
				Name: "broker.from", Type: TypeString, Tables: true,
				Text: "Where the key comes from, outside: `env:NAME`, `file:PATH` or `command:PROGRAM ARGUMENTS`. Without it there is no key.",
			},
			broker: func(b *network.Broker) any { return &b.From },
		},
		{
			Key: Key{
				Name: "broker.env", Type: TypeString, Tables: true,
				Text: "Variable that holds the placeholder of the key in the jail.",
			},
			broker: func(b *network.Broker) any { return &b.Env },
		},
		{
			Key: Key{
				Name: "broker.url-env", Type: TypeString, Tables: true,
				Text: "Variable that holds the broker's URL in the jail.",
			},
			broker: func(b *network.Broker) any { return &b.URLEnv },
		},
		{
			Key: Key{
				Name: "broker.paths", Type: TypeStrings, Tables: true,
				Text: "The only paths that are passed on; one that ends in `/` is of all below it.",
			},
			broker: func(b *network.Broker) any { return &b.Paths },
		},
		{
			Key: Key{
				Name: "broker.allow", Type: TypeStrings, Tables: true,
				Text: "The only requests that are passed on, as `GET /repos/**`: `*` is one part of a path, `**` one or more.",
			},
			broker: func(b *network.Broker) any { return &b.Allow },
		},
		{
			Key: Key{
				Name: "broker.upgrade", Type: TypeStrings, Tables: true,
				Text: "Protocols that a request may change to: `websocket`.",
			},
			broker: func(b *network.Broker) any { return &b.Upgrade },
		},
	}
}
