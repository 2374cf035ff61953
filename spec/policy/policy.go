package policy

import (
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/confine"
	"github.com/jailed-claude/jailed-claude/spec/policy/scalar"
)

// Version is the only policy file version that this program reads.
const Version = 1

// Policy is one merged policy. The zero value grants nothing and is not
// useful; start from Default.
type Policy struct {
	Agent    Agent
	Files    Files
	Network  Network
	Env      Env
	Nix      Nix
	Limits   Limits
	Identity Identity
	Terminal Terminal
	Bridges  Bridges
	Review   Review
	SSH      SSH
	// Brokers are in the order of the layers; no two have one name.
	Brokers []network.Broker

	// Origins says which layer set a value, for "explain". Scalars are keyed
	// "section.key", list and table elements "section.key=element"; the value
	// is the layer's Name; brokers are keyed "broker=name". A later layer that repeats an element keeps the
	// first origin.
	Origins map[string]string
}

// Agent is the program that is jailed.
type Agent struct {
	// Name is that of a row of package agent; empty is the default one.
	Name string
	// Package is a store path, a Nix installable, a path of a program outside
	// the store, or "host". Empty means: what the flake baked in, then
	// "claude" on PATH.
	Package string
	// Packages are further store paths or installables whose bin joins PATH.
	Packages []string
	// Config is ConfigPrivate or ConfigShared.
	Config string
	// Key is KeyAuto or KeyNone.
	Key string
	// SeparateWorktrees gives a linked git worktree a private configuration
	// of its own, not that of its repository.
	SeparateWorktrees bool
	// Bring names pieces of the host's configuration; see package claude/bring.
	Bring []string
	// NoBrief keeps a text about the jail out of the agent's context.
	NoBrief bool
	// Define are agents of the user's own, no two of one name.
	Define []agent.Defined
}

// Files are grants of host files beyond the built-in table.
type Files struct {
	// Project is ProjectRW, ProjectOverlay or ProjectRO.
	Project string
	// Read and Write are host paths, absolute or below "~/".
	Read, Write []string
	// Hide and Protect are gitignore-style patterns below the project.
	Hide, Protect []string
	// Toolchains are names of package toolchain/home.
	Toolchains []string
	// Unprotect are paths as Read has them.
	Unprotect []string
	// Cache is CachePrivate or CacheOff.
	Cache string
}

// Network is what the jail may reach.
type Network struct {
	// Mode is NetNone, NetFiltered, NetInternet or NetHost.
	Mode string
	// Allow and Deny are rules of package network; Allow has presets too.
	Allow, Deny []string
	// Ports of the jail's loopback that are published on the host's.
	Ports     []int64
	HostPorts []int64
	Ask       bool
	// TLS is network.TLSStrict or network.TLSAny.
	TLS string
	// Via is network.ViaRedirect or network.ViaProxy.
	Via string
	// Upstream is network.UpstreamAuto, as empty is, or network.UpstreamNone.
	Upstream string
	// Addresses is "own", as empty is, or network.AddressesReal.
	Addresses string
}

// Review is what becomes of what a jail changed in a layer.
type Review struct {
	// Apply is ApplyAsk, as empty is, ApplySafe or ApplyNever.
	Apply string
}

// DefaultCache is the limit of caches where there is no other.
const DefaultCache = confine.DefaultCache

// Values of the enumerated keys.
const (
	ConfigPrivate = "private"
	ConfigShared  = "shared"

	CachePrivate = "private"
	CacheOff     = "off"

	KeyAuto = "auto"
	KeyNone = "none"

	ProjectRW      = "rw"
	ProjectOverlay = "overlay"
	ProjectRO      = "ro"

	NetNone     = network.None
	NetFiltered = network.Filtered
	NetInternet = network.Internet
	NetHost     = network.Host

	DaemonOff  = confine.DaemonOff
	DaemonAuto = confine.DaemonAuto

	StoreClosure = confine.StoreClosure
	StoreFull    = confine.StoreFull

	UserKeep = confine.UserKeep
	UserRoot = confine.UserRoot

	ClipboardOff   = confine.ClipboardOff
	ClipboardWrite = confine.ClipboardWrite

	FilterAuto   = confine.FilterAuto
	FilterAlways = confine.FilterAlways

	ApplyAsk   = "ask"
	ApplySafe  = "safe"
	ApplyNever = "never"
)

// PackageHost as Agent.Package asks for the host's own toolchain and the
// "claude" on PATH, even where it lies in a Nix store.
const PackageHost = scalar.HostPackage
