package policy

import (
	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/network"
	"github.com/jailed-claude/jailed-claude/spec/policy/position"
)

// Layer is what one source says: a policy file, or the command line. A nil
// pointer, list or table means that the layer does not say anything about that
// key, which differs from saying "" or 0.
//
// Parse makes a Layer from a file. Command line code fills one itself:
//
//	l := &policy.Layer{Name: "command line"}
//	l.Network.Mode = new("none")
//	l.Files.Read = append(l.Files.Read, "~/.config/gh")
//
// Merge checks every layer in the same way, wherever it came from.
type Layer struct {
	// Name says where the layer came from, in errors and in Policy.Origins:
	// a file's path as the user would write it, or "command line". Merge
	// refuses a layer without one.
	Name string

	Agent    AgentLayer
	Files    FilesLayer
	Network  NetworkLayer
	Env      EnvLayer
	Nix      NixLayer
	Limits   LimitsLayer
	Identity IdentityLayer
	Terminal TerminalLayer
	Bridges  BridgesLayer
	Review   ReviewLayer
	SSH      SSHLayer
	// Brokers are those of [[broker]].
	Brokers []network.Broker

	// project: the file came with a project, and may not make the host do
	// anything.
	project bool

	// allow and deny are the rules of the network that Parse has found sound:
	// Merge need not parse them again.
	allow, deny []string

	// pos knows where in the file each key and element is; nil for a layer
	// that did not come from a file.
	pos *position.Map
}

// AgentLayer is what a layer says about Agent.
type AgentLayer struct {
	Name     *string
	Package  *string
	Packages []string
	Config   *string
	Key      *string
	// SeparateWorktrees is a pointer to tell false from nothing, as NoBrief is.
	SeparateWorktrees, NoBrief *bool
	Bring                      []string
	Define                     []agent.Defined
}

// FilesLayer is what a layer says about Files.
type FilesLayer struct {
	Project       *string
	Read, Write   []string
	Hide, Protect []string
	Toolchains    []string
	Unprotect     []string
	Cache         *string
}

// NetworkLayer is what a layer says about Network.
type NetworkLayer struct {
	Mode        *string
	Allow, Deny []string
	Ports       []int64
	HostPorts   []int64
	Ask         *bool
	TLS, Via    *string
	Upstream    *string
	Addresses   *string
}

// ReviewLayer is what a layer says about Review.
type ReviewLayer struct {
	Apply *string
}
