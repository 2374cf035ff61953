package closure

import "github.com/jailed-claude/jailed-claude/internal/storepath"

// StoreDir is storepath.Dir.
const StoreDir = storepath.Dir

// Kinds of toolchain.
const (
	// Nix: Paths are store paths, and nothing else of the host is needed.
	Nix = "nix"
	// Host: the host's /usr and its links, and Prefixes.
	Host = "host"
)

// Closure is all that the agent and the extra packages need to run.
type Closure struct {
	// Toolchain is Nix or Host.
	Toolchain string `json:"toolchain"`
	// Agent is the absolute path of the agent's program, as it is inside the
	// jail. It is empty when none was asked for (a shell only).
	Agent string `json:"agent"`
	// Roots are the store paths of the agent's package and of each extra
	// package, in the order in which they were asked for.
	Roots []string `json:"roots,omitempty"`
	// Paths is the whole closure, top-level store paths, sorted, no doubles.
	Paths []string `json:"paths,omitempty"`
	// Bins are the folders for PATH: those of Roots first, in their order,
	// then those of the other paths of the closure, sorted by package name
	// (what follows the hash), so that every tool that is there is found.
	Bins []string `json:"bins"`
	// Shell, Bash and Env are absolute paths of sh, bash and env for /bin/sh,
	// SHELL and /usr/bin/env; empty where the closure has none. Of several
	// candidates the first in Bins wins.
	Shell string `json:"shell,omitempty"`
	Bash  string `json:"bash,omitempty"`
	Env   string `json:"env,omitempty"`
	// Binds (Host only) are host folders and files to mount read-only at
	// their own paths: /usr, those of /bin /sbin /lib /lib64 that are real
	// folders, the install prefix of the agent, /etc/alternatives, ….
	Binds []string `json:"binds,omitempty"`
	// Files are those of Binds that are no folders.
	Files []string `json:"files,omitempty"`
	// Links are symlinks to recreate, path to target: those of Paths that are
	// symlinks themselves and so cannot be mounted and, with Host, those of
	// the root folder ("/bin" -> "usr/bin" on merged-usr systems).
	Links map[string]string `json:"links,omitempty"`
}

// Request is a package as it was asked for, and its store paths.
type Request struct {
	Package string
	// Roots are one store path for each output. Empty: a jail without agent.
	Roots []string
}
