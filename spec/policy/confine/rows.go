package confine

import (
	"math"

	"github.com/jailed-claude/jailed-claude/spec/policy/change"
	"github.com/jailed-claude/jailed-claude/spec/policy/key"
)

// EnvRows are the keys of [env].
func EnvRows() []key.Row[EnvLayer, Env] {
	return []key.Row[EnvLayer, Env]{
		{
			Key: key.Key{
				Name: "env.pass", Type: key.Strings,
				Text: "Names of environment variables that cross into the jail with the value they have outside.",
			},
			Change: change.Meaning{Direction: change.Grants, Wider: "the value that you have outside crosses, secret or not", Narrower: "it does not cross"},
			Layer:  func(l *EnvLayer) any { return &l.Pass },
			Policy: func(p *Env) any { return &p.Pass },
		},
		{
			Key: key.Key{
				Name: "env.set", Type: key.Table,
				Text: "Environment variables with a value of their own; `~/` at the start is the home folder.",
			},
			Change: change.Meaning{Direction: change.Always, Wider: "a variable can change what programs do, and which ones"},
			Layer:  func(l *EnvLayer) any { return &l.Set },
			Policy: func(p *Env) any { return &p.Set },
		},
	}
}

// NixRows are the keys of [nix].
func NixRows() []key.Row[NixLayer, Nix] {
	return []key.Row[NixLayer, Nix]{
		{
			Key: key.Key{
				Name: "nix.daemon", Type: key.String, Values: []string{DaemonOff, DaemonAuto}, Default: DaemonOff,
				Text: "Whether the jail gets the socket of the Nix daemon, if you can use it yourself.",
			},
			Change: change.Meaning{
				Direction: change.Ranked, Rank: []string{DaemonOff, DaemonAuto},
				Wider: "the Nix daemon works for the jail; if it trusts you, that is root on this host", Narrower: "no Nix daemon",
			},
			Layer:  func(l *NixLayer) any { return &l.Daemon },
			Policy: func(p *Nix) any { return &p.Daemon },
		},
		{
			Key: key.Key{
				Name: "nix.store", Type: key.String, Values: []string{StoreClosure, StoreFull}, Default: StoreClosure,
				Text: "How much of /nix/store is visible, read-only: what the agent needs, or all of it.",
			},
			Change: change.Meaning{
				Direction: change.Ranked, Rank: []string{StoreClosure, StoreFull},
				Wider: "all of /nix/store is visible, whatever it holds", Narrower: "only what the agent needs of /nix/store is visible",
			},
			Layer:  func(l *NixLayer) any { return &l.Store },
			Policy: func(p *Nix) any { return &p.Store },
		},
	}
}

// LimitsRows are the keys of [limits].
func LimitsRows() []key.Row[LimitsLayer, Limits] {
	return []key.Row[LimitsLayer, Limits]{
		{
			Key: key.Key{
				Name: "limits.memory", Type: key.Size,
				Text:  "Most memory that all programs in the jail use together.",
				Least: 1, Most: math.MaxInt64,
			},
			Change: change.Meaning{Direction: change.Limit, Wider: "more of this machine's memory", Narrower: "less of this machine's memory"},
			Layer:  func(l *LimitsLayer) any { return &l.Memory },
			Policy: func(p *Limits) any { return &p.Memory },
		},
		{
			Key: key.Key{
				Name: "limits.pids", Type: key.Integer,
				Text: "Most processes and threads at one time.",
				// PID_MAX_LIMIT of 64-bit Linux is the most that pids.max takes.
				Least: 1, Most: 1 << 22,
			},
			Change: change.Meaning{Direction: change.Limit, Wider: "more processes", Narrower: "fewer processes"},
			Layer:  func(l *LimitsLayer) any { return &l.Pids },
			Policy: func(p *Limits) any { return &p.Pids },
		},
		{
			Key: key.Key{
				Name: "limits.cpus", Type: key.Number,
				Text: "Most processors in use at one time; 1.5 is one and a half.",
				// A quota of 1 ms in the usual period of 100 ms is the least that cpu.max
				// takes; NR_CPUS of the largest kernels is far below what overflows one.
				Least: 0.01, Most: 8192,
			},
			Change: change.Meaning{Direction: change.Limit, Wider: "more processors", Narrower: "fewer processors"},
			Layer:  func(l *LimitsLayer) any { return &l.CPUs },
			Policy: func(p *Limits) any { return &p.CPUs },
		},
		{
			Key: key.Key{
				Name: "limits.cache", Type: key.Size,
				Text:  "Most that the caches of a project keep on disk, looked at once a day; `10GiB` if it is left out.",
				Least: 1, Most: math.MaxInt64,
			},
			Change: change.Meaning{Direction: change.Limit, Unset: DefaultCache, Wider: "more of this machine's disk", Narrower: "less of this machine's disk"},
			Layer:  func(l *LimitsLayer) any { return &l.Cache },
			Policy: func(p *Limits) any { return &p.Cache },
		},
	}
}

// IdentityRows are the keys of [identity].
func IdentityRows() []key.Row[IdentityLayer, Identity] {
	return []key.Row[IdentityLayer, Identity]{
		{
			Key: key.Key{
				Name: "identity.user", Type: key.String, Values: []string{UserKeep, UserRoot}, Default: UserKeep,
				Text: "Who the agent is inside: your own user and group, or root of the jail's user namespace.",
			},
			Change: change.Meaning{
				Direction: change.Ranked, Rank: []string{UserKeep, UserRoot},
				Wider: "the agent is root of the jail's user namespace", Narrower: "the agent has your own ids",
			},
			Layer:  func(l *IdentityLayer) any { return &l.User },
			Policy: func(p *Identity) any { return &p.User },
		},
		{
			Key: key.Key{
				Name: "identity.nesting", Type: key.Boolean, Default: "false",
				Text: "Whether the agent may make user namespaces, which its own sandbox needs.",
			},
			Change: change.Meaning{
				Direction: change.Ranked, Rank: []string{"false", "true"},
				Wider: "the agent makes namespaces, and with them replaces what is protected in all that it may write", Narrower: "the agent makes no namespaces",
			},
			Layer:  func(l *IdentityLayer) any { return &l.Nesting },
			Policy: func(p *Identity) any { return &p.Nesting },
		},
	}
}

// TerminalRows are the keys of [terminal].
func TerminalRows() []key.Row[TerminalLayer, Terminal] {
	return []key.Row[TerminalLayer, Terminal]{
		{
			Key: key.Key{
				Name: "terminal.clipboard", Type: key.String, Values: []string{ClipboardOff, ClipboardWrite}, Default: ClipboardOff,
				Text: "Whether the agent may put text on the clipboard of your terminal (OSC 52). It never reads it.",
			},
			Change: change.Meaning{
				Direction: change.Ranked, Rank: []string{ClipboardOff, ClipboardWrite},
				Wider: "the jail chooses what you paste next", Narrower: "your clipboard is out of the jail's reach",
			},
			Layer:  func(l *TerminalLayer) any { return &l.Clipboard },
			Policy: func(p *Terminal) any { return &p.Clipboard },
		},
		{
			Key: key.Key{
				Name: "terminal.filter", Type: key.String, Values: []string{FilterAuto, FilterAlways}, Default: FilterAuto,
				Text: "Whether what the agent writes is filtered on your terminal alone, or also where it goes into a pipe or a file.",
			},
			Change: change.Meaning{
				Direction: change.Ranked, Rank: []string{FilterAlways, FilterAuto},
				Wider: "behind a pipe, every byte of the jail reaches your terminal", Narrower: "behind a pipe, your terminal only shows what the jail writes",
			},
			Layer:  func(l *TerminalLayer) any { return &l.Filter },
			Policy: func(p *Terminal) any { return &p.Filter },
		},
	}
}
