package policy

import (
	"math"

	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
)

// jailRows are the keys of what the jail is: [env], [nix], [limits], [identity] and [terminal].
func jailRows() []row {
	return []row{
		{
			Key: Key{
				Name: "env.pass", Type: key.Strings,
				Text: "Names of environment variables that cross into the jail with the value they have outside.",
			},
			change: change.Meaning{Direction: change.Grants, Wider: "the value that you have outside crosses, secret or not", Narrower: "it does not cross"},
			layer:  func(l *Layer) any { return &l.Env.Pass },
			policy: func(p *Policy) any { return &p.Env.Pass },
		},
		{
			Key: Key{
				Name: "env.set", Type: key.Table,
				Text: "Environment variables with a value of their own; `~/` at the start is the home folder.",
			},
			change: change.Meaning{Direction: change.Always, Wider: "a variable can change what programs do, and which ones"},
			layer:  func(l *Layer) any { return &l.Env.Set },
			policy: func(p *Policy) any { return &p.Env.Set },
		},
		{
			Key: Key{
				Name: "nix.daemon", Type: key.String, Values: []string{DaemonOff, DaemonAuto}, Default: DaemonOff,
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
				Name: "nix.store", Type: key.String, Values: []string{StoreClosure, StoreFull}, Default: StoreClosure,
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
				Name: "limits.memory", Type: key.Size,
				Text:  "Most memory that all programs in the jail use together.",
				Least: 1, Most: math.MaxInt64,
			},
			change: change.Meaning{Direction: change.Limit, Wider: "more of this machine's memory", Narrower: "less of this machine's memory"},
			layer:  func(l *Layer) any { return &l.Limits.Memory },
			policy: func(p *Policy) any { return &p.Limits.Memory },
		},
		{
			Key: Key{
				Name: "limits.pids", Type: key.Integer,
				Text: "Most processes and threads at one time.",
				// PID_MAX_LIMIT of 64-bit Linux is the most that pids.max takes.
				Least: 1, Most: 1 << 22,
			},
			change: change.Meaning{Direction: change.Limit, Wider: "more processes", Narrower: "fewer processes"},
			layer:  func(l *Layer) any { return &l.Limits.Pids },
			policy: func(p *Policy) any { return &p.Limits.Pids },
		},
		{
			Key: Key{
				Name: "limits.cpus", Type: key.Number,
				Text: "Most processors in use at one time; 1.5 is one and a half.",
				// A quota of 1 ms in the usual period of 100 ms is the least that cpu.max
				// takes; NR_CPUS of the largest kernels is far below what overflows one.
				Least: 0.01, Most: 8192,
			},
			change: change.Meaning{Direction: change.Limit, Wider: "more processors", Narrower: "fewer processors"},
			layer:  func(l *Layer) any { return &l.Limits.CPUs },
			policy: func(p *Policy) any { return &p.Limits.CPUs },
		},
		{
			Key: Key{
				Name: "limits.cache", Type: key.Size,
				Text:  "Most that the caches of a project keep on disk, looked at once a day; `10GiB` if it is left out.",
				Least: 1, Most: math.MaxInt64,
			},
			change: change.Meaning{Direction: change.Limit, Unset: DefaultCache, Wider: "more of this machine's disk", Narrower: "less of this machine's disk"},
			layer:  func(l *Layer) any { return &l.Limits.Cache },
			policy: func(p *Policy) any { return &p.Limits.Cache },
		},
		{
			Key: Key{
				Name: "identity.user", Type: key.String, Values: []string{UserKeep, UserRoot}, Default: UserKeep,
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
				Name: "identity.nesting", Type: key.Boolean, Default: "false",
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
				Name: "terminal.clipboard", Type: key.String, Values: []string{ClipboardOff, ClipboardWrite}, Default: ClipboardOff,
				Text: "Whether the agent may put text on the clipboard of your terminal (OSC 52). It never reads it.",
			},
			change: change.Meaning{
				Direction: change.Ranked, Rank: []string{ClipboardOff, ClipboardWrite},
				Wider: "the jail chooses what you paste next", Narrower: "your clipboard is out of the jail's reach",
			},
			layer:  func(l *Layer) any { return &l.Terminal.Clipboard },
			policy: func(p *Policy) any { return &p.Terminal.Clipboard },
		},
	}
}
