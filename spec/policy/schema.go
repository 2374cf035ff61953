package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// Type is the type of a key's value, in the words of the documentation.
type Type string

// Types of values.
const (
	// TypeString is a TOML string.
	TypeString Type = "string"
	// TypeStrings is a TOML array of strings.
	TypeStrings Type = "list of strings"
	// TypeIntegers is a TOML array of integers.
	TypeIntegers Type = "list of integers"
	// TypeTable is a TOML table whose values are strings.
	TypeTable Type = "table of strings"
	// TypeSize is a TOML string that ParseMemory reads.
	TypeSize Type = "size"
	// TypeInteger is a TOML integer.
	TypeInteger Type = "integer"
	// TypeNumber is a TOML integer or float.
	TypeNumber Type = "number"
	// TypeBoolean is a TOML boolean.
	TypeBoolean Type = "boolean"
)

// Key is one key of the policy file. Strict decoding, the suggestions for
// misspelt keys, merging and the documentation all follow from the list that
// Keys returns.
type Key struct {
	// Name is "section.key", or "version".
	Name string
	Type Type
	// Values are the only values of an enumerated key; nil for all others.
	Values []string
	// Later are values of a later release: known, and refused by name.
	Later []string
	// Default is the value where no layer sets one; empty means: none.
	Default string
	// Text says in one line what the key is for.
	Text string
	// Tables: the section is written [[section]], once for each of a kind.
	Tables bool
}

// Keys returns the schema of the policy file, in the order in which it is
// documented. The result is a fresh value.
func Keys() []Key {
	rs := rows()
	keys := make([]Key, len(rs))
	for i, r := range rs {
		keys[i] = r.Key
	}
	return keys
}

// row is a Key together with the fields that hold it.
type row struct {
	Key
	// layer and policy return pointers to the fields of the key; nil for
	// "version", which has none.
	//
	//	type         layer                policy
	//	string       **string             *string
	//	strings      *[]string            *[]string
	//	integers     *[]int64             *[]int64
	//	table        *map[string]string   *map[string]string
	//	size         **int64              *int64
	//	integer      **int64              *int64
	//	number       **float64            *float64
	//	boolean      **bool               *bool
	layer  func(*Layer) any
	policy func(*Policy) any
	// broker returns a pointer to the key's field of a broker, a *string or
	// a *[]string, for keys of [[broker]]. They have no layer and no policy.
	broker func(*network.Broker) any
}

// rows is the one table of the schema.
func rows() []row {
	return []row{
		{
			Key: Key{Name: "version", Type: TypeInteger, Values: []string{strconv.Itoa(Version)},
				Text: "Version of the policy format. Every file must have it."},
		},
		{
			Key: Key{Name: "agent.package", Type: TypeString,
				Text: "The agent: a store path, a Nix installable, a program's path, or `host` for the `claude` on PATH."},
			layer:  func(l *Layer) any { return &l.Agent.Package },
			policy: func(p *Policy) any { return &p.Agent.Package },
		},
		{
			Key: Key{Name: "agent.packages", Type: TypeStrings,
				Text: "More tools on PATH: store paths or Nix installables."},
			layer:  func(l *Layer) any { return &l.Agent.Packages },
			policy: func(p *Policy) any { return &p.Agent.Packages },
		},
		{
			Key: Key{Name: "agent.config", Type: TypeString, Values: []string{ConfigPrivate, ConfigShared}, Default: ConfigPrivate,
				Text: "Whose Claude configuration the agent uses: one of the jail's own, or the host's."},
			layer:  func(l *Layer) any { return &l.Agent.Config },
			policy: func(p *Policy) any { return &p.Agent.Config },
		},
		{
			Key: Key{Name: "agent.key", Type: TypeString, Values: []string{KeyAuto, KeyNone}, Default: KeyAuto,
				Text: "Whether the agent uses the key in your ANTHROPIC_API_KEY, which stays outside of the jail."},
			layer:  func(l *Layer) any { return &l.Agent.Key },
			policy: func(p *Policy) any { return &p.Agent.Key },
		},
		{
			Key: Key{Name: "agent.separate-worktrees", Type: TypeBoolean, Default: "false",
				Text: "Whether a linked git worktree has a private configuration of its own, not that of its repository."},
			layer:  func(l *Layer) any { return &l.Agent.SeparateWorktrees },
			policy: func(p *Policy) any { return &p.Agent.SeparateWorktrees },
		},
		{
			Key: Key{Name: "files.project", Type: TypeString, Values: []string{ProjectRW, ProjectRO}, Later: []string{"overlay"}, Default: ProjectRW,
				Text: "Whether the agent may change the project."},
			layer:  func(l *Layer) any { return &l.Files.Project },
			policy: func(p *Policy) any { return &p.Files.Project },
		},
		{
			Key: Key{Name: "files.read", Type: TypeStrings,
				Text: "Host files and folders that the agent may read."},
			layer:  func(l *Layer) any { return &l.Files.Read },
			policy: func(p *Policy) any { return &p.Files.Read },
		},
		{
			Key: Key{Name: "files.write", Type: TypeStrings,
				Text: "Host files and folders that the agent may read and change."},
			layer:  func(l *Layer) any { return &l.Files.Write },
			policy: func(p *Policy) any { return &p.Files.Write },
		},
		{
			Key: Key{Name: "files.hide", Type: TypeStrings,
				Text: "Patterns of project files that the agent cannot read, list or replace."},
			layer:  func(l *Layer) any { return &l.Files.Hide },
			policy: func(p *Policy) any { return &p.Files.Hide },
		},
		{
			Key: Key{Name: "files.protect", Type: TypeStrings,
				Text: "Patterns of project files that are read-only, on top of the built-in list."},
			layer:  func(l *Layer) any { return &l.Files.Protect },
			policy: func(p *Policy) any { return &p.Files.Protect },
		},
		{
			Key: Key{Name: "network.mode", Type: TypeString, Default: NetInternet,
				Values: []string{NetNone, NetFiltered, NetInternet, NetHost},
				Text:   "What the jail can reach: nothing, what `allow` names, all public addresses, or all that the host can."},
			layer:  func(l *Layer) any { return &l.Network.Mode },
			policy: func(p *Policy) any { return &p.Network.Mode },
		},
		{
			Key: Key{Name: "network.allow", Type: TypeStrings,
				Text: "Destinations that the jail may reach: names, addresses, services of the host, presets."},
			layer:  func(l *Layer) any { return &l.Network.Allow },
			policy: func(p *Policy) any { return &p.Network.Allow },
		},
		{
			Key: Key{Name: "network.deny", Type: TypeStrings,
				Text: "Destinations that the jail cannot reach, whatever allows them."},
			layer:  func(l *Layer) any { return &l.Network.Deny },
			policy: func(p *Policy) any { return &p.Network.Deny },
		},
		{
			Key: Key{Name: "network.ports", Type: TypeIntegers,
				Text: "Ports of the jail that are published on the host's loopback."},
			layer:  func(l *Layer) any { return &l.Network.Ports },
			policy: func(p *Policy) any { return &p.Network.Ports },
		},
		{
			Key: Key{Name: "network.tls", Type: TypeString, Values: []string{network.TLSStrict, network.TLSAny}, Default: network.TLSStrict,
				Text: "In mode `filtered`, whether port 443 is for TLS to the name that was allowed alone."},
			layer:  func(l *Layer) any { return &l.Network.TLS },
			policy: func(p *Policy) any { return &p.Network.TLS },
		},
		{
			Key: Key{Name: "network.via", Type: TypeString, Values: []string{network.ViaRedirect, network.ViaProxy}, Default: network.ViaRedirect,
				Text: "How connections get out: redirected by the kernel, or by proxy variables where it has no nf_tables."},
			layer:  func(l *Layer) any { return &l.Network.Via },
			policy: func(p *Policy) any { return &p.Network.Via },
		},
		{
			Key: Key{Name: "env.pass", Type: TypeStrings,
				Text: "Names of environment variables that cross into the jail with the value they have outside."},
			layer:  func(l *Layer) any { return &l.Env.Pass },
			policy: func(p *Policy) any { return &p.Env.Pass },
		},
		{
			Key: Key{Name: "env.set", Type: TypeTable,
				Text: "Environment variables with a value of their own."},
			layer:  func(l *Layer) any { return &l.Env.Set },
			policy: func(p *Policy) any { return &p.Env.Set },
		},
		{
			Key: Key{Name: "nix.daemon", Type: TypeString, Values: []string{DaemonOff, DaemonAuto}, Default: DaemonOff,
				Text: "Whether the jail gets the socket of the Nix daemon, if you can use it yourself."},
			layer:  func(l *Layer) any { return &l.Nix.Daemon },
			policy: func(p *Policy) any { return &p.Nix.Daemon },
		},
		{
			Key: Key{Name: "nix.store", Type: TypeString, Values: []string{StoreClosure, StoreFull}, Default: StoreClosure,
				Text: "How much of /nix/store is visible, read-only: what the agent needs, or all of it."},
			layer:  func(l *Layer) any { return &l.Nix.Store },
			policy: func(p *Policy) any { return &p.Nix.Store },
		},
		{
			Key: Key{Name: "limits.memory", Type: TypeSize,
				Text: "Most memory that all programs in the jail use together."},
			layer:  func(l *Layer) any { return &l.Limits.Memory },
			policy: func(p *Policy) any { return &p.Limits.Memory },
		},
		{
			Key: Key{Name: "limits.pids", Type: TypeInteger,
				Text: "Most processes and threads at one time."},
			layer:  func(l *Layer) any { return &l.Limits.Pids },
			policy: func(p *Policy) any { return &p.Limits.Pids },
		},
		{
			Key: Key{Name: "limits.cpus", Type: TypeNumber,
				Text: "Most processors in use at one time; 1.5 is one and a half."},
			layer:  func(l *Layer) any { return &l.Limits.CPUs },
			policy: func(p *Policy) any { return &p.Limits.CPUs },
		},
		{
			Key: Key{Name: "identity.user", Type: TypeString, Values: []string{UserKeep, UserRoot}, Default: UserKeep,
				Text: "Who the agent is inside: your own user and group, or root of the jail's user namespace."},
			layer:  func(l *Layer) any { return &l.Identity.User },
			policy: func(p *Policy) any { return &p.Identity.User },
		},
		{
			Key: Key{Name: "identity.nesting", Type: TypeBoolean, Default: "false",
				Text: "Whether the agent may make user namespaces, which its own sandbox needs."},
			layer:  func(l *Layer) any { return &l.Identity.Nesting },
			policy: func(p *Policy) any { return &p.Identity.Nesting },
		},
		{
			Key: Key{Name: "terminal.clipboard", Type: TypeString, Values: []string{ClipboardOff, ClipboardWrite}, Default: ClipboardOff,
				Text: "Whether the agent may put text on the clipboard of your terminal (OSC 52). It never reads it."},
			layer:  func(l *Layer) any { return &l.Terminal.Clipboard },
			policy: func(p *Policy) any { return &p.Terminal.Clipboard },
		},
		{
			Key: Key{Name: "broker.name", Type: TypeString, Tables: true,
				Text: "Name of the broker, a DNS label: inside it is also at `http://NAME.broker.internal`. `host` with dashes by default."},
			broker: func(b *network.Broker) any { return &b.Name },
		},
		{
			Key: Key{Name: "broker.host", Type: TypeString, Tables: true,
				Text: "The service's own name: inside, `https://HOST` is the broker. That of `upstream` by default."},
			broker: func(b *network.Broker) any { return &b.Host },
		},
		{
			Key: Key{Name: "broker.upstream", Type: TypeString, Tables: true,
				Text: "The service that it speaks to, `https://HOST`. `https://` and `host` by default."},
			broker: func(b *network.Broker) any { return &b.Upstream },
		},
		{
			Key: Key{Name: "broker.header", Type: TypeString, Tables: true,
				Text: "The request header in which it puts the key."},
			broker: func(b *network.Broker) any { return &b.Header },
		},
		{
			Key: Key{Name: "broker.from", Type: TypeString, Tables: true,
				Text: "Where the key comes from, outside: `env:NAME`, `file:PATH` or `command:PROGRAM ARGUMENTS`. Without it there is no key."},
			broker: func(b *network.Broker) any { return &b.From },
		},
		{
			Key: Key{Name: "broker.env", Type: TypeString, Tables: true,
				Text: "Variable that holds the placeholder of the key in the jail."},
			broker: func(b *network.Broker) any { return &b.Env },
		},
		{
			Key: Key{Name: "broker.url-env", Type: TypeString, Tables: true,
				Text: "Variable that holds the broker's URL in the jail."},
			broker: func(b *network.Broker) any { return &b.URLEnv },
		},
		{
			Key: Key{Name: "broker.paths", Type: TypeStrings, Tables: true,
				Text: "The only paths that are passed on; one that ends in `/` is of all below it."},
			broker: func(b *network.Broker) any { return &b.Paths },
		},
		{
			Key: Key{Name: "broker.allow", Type: TypeStrings, Tables: true,
				Text: "The only requests that are passed on, as `GET /repos/**`: `*` is one part of a path, `**` one or more."},
			broker: func(b *network.Broker) any { return &b.Allow },
		},
		{
			Key: Key{Name: "broker.upgrade", Type: TypeStrings, Tables: true,
				Text: "Protocols that a request may change to: `websocket`."},
			broker: func(b *network.Broker) any { return &b.Upgrade },
		},
	}
}

// findRow returns the row of the key called name.
func findRow(name string) (row, bool) {
	for _, r := range rows() {
		if r.Name == name {
			return r, true
		}
	}
	return row{}, false
}

// sections returns the names of the sections in documented order, but for
// those that are written [[section]].
func sections() []string {
	var names []string
	for _, r := range rows() {
		section, _, ok := strings.Cut(r.Name, ".")
		if ok && !r.Tables && !slices.Contains(names, section) {
			names = append(names, section)
		}
	}
	return names
}

// keysOf returns the keys of a section, without the section's name.
func keysOf(section string) []string {
	var names []string
	for _, r := range rows() {
		if s, key, ok := strings.Cut(r.Name, "."); ok && s == section {
			names = append(names, key)
		}
	}
	return names
}
