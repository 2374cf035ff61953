package host

import (
	"github.com/jailed-claude/jailed-claude/spec/claude/bring"
	"github.com/jailed-claude/jailed-claude/spec/host/git"
	"github.com/jailed-claude/jailed-claude/spec/host/survey"
	"github.com/jailed-claude/jailed-claude/spec/toolchain/home"
)

// Facts is what was read of the host. All paths are absolute, clean and free
// of symlinks unless a field says otherwise.
type Facts struct {
	UID, GID int
	// User and Group are names; "user" and "group" when the host has none.
	User, Group string
	// Home is the caller's home as HOME says it (symlinks resolved if it
	// exists).
	Home string
	// RuntimeDir is the XDG_RUNTIME_DIR that the jail shall have:
	// "/run/user/UID".
	RuntimeDir string
	// StateDir is jailed-claude's own state
	// ($XDG_STATE_HOME/jailed-claude); it need not exist.
	StateDir string
	// ProjectState is the folder in StateDir that is for the jails of this
	// project alone; it need not exist.
	ProjectState string
	// StateOwner is the folder whose state that is: the project's, or that of
	// the repository which the project is a linked worktree of.
	StateOwner string
	// Packs are large packs of the projects' git, which a layer shows from below.
	Packs []string
	// OwnDirs are the folders that no grant may expose: StateDir, the
	// configuration folder and the cache of jailed-claude.
	OwnDirs []string
	// Executable is this program's own binary.
	Executable string

	Project Project
	// Start is the folder in the project that the program starts in; empty: the
	// project's own.
	Start string
	// Also are further projects (--project more than once), each cared for as the
	// first is.
	Also []Project
	// Further are the other folders that the jail may write (files.write).
	Further []Project
	// Sockets are sockets and FIFOs in the folders that the jail may only read.
	Sockets []string

	// GitFront: the jail has git, and may change the project; it is asked what git
	// would leave half done.
	GitFront bool
	// Failing are programs that the jail has and that cannot work in it; one that says
	// so comes before each.
	Failing []string
	// GitName and GitEmail are user.name and user.email as git sees them in
	// the project; empty where unset.
	GitName, GitEmail string
	// GitSigns: git signs every commit, GitSignsTags: every tag.
	GitSigns, GitSignsTags bool
	// GitSettings are those of the user's git that a jail takes over
	// (git.Taken).
	GitSettings []git.Setting
	// GitSafe are the folders of git's safe.directory that concern the project.
	GitSafe []string
	// GitIgnore and GitAttributes are the texts of the user's own
	// core.excludesFile and core.attributesFile; empty if there are none.
	GitIgnore, GitAttributes string

	// CAFile is the host's certificate bundle (PEM); ExtraCAFile and CAVariables are
	// those of contract.Authorities. Empty where there is none.
	CAFile, ExtraCAFile string
	CAVariables         map[string]string
	// JavaCAFile is the trust store of the host's Java where Debian has it.
	JavaCAFile string
	// NPMConfig is the npmrc for everybody that an npm of /usr reads; empty if none.
	NPMConfig string
	// ResolvConf is the file that /etc/resolv.conf leads to; empty if none.
	ResolvConf string
	// Localtime is the time zone file that /etc/localtime leads to.
	Localtime string
	// TimeZone is the name that the link has for it, "Europe/Berlin"; empty where
	// it is no link.
	TimeZone string
	// ManagedSettings is "/etc/claude-code" where it exists.
	ManagedSettings string
	// ManagedFiles are the files below ManagedSettings, each with the file
	// that it leads to; on NixOS they are symlinks into the store.
	ManagedFiles map[string]string

	// NixDaemon is the daemon's socket where the caller can connect to it; that
	// of an untrusted door (nixDoor) where the daemon trusts the caller and
	// there is one.
	NixDaemon string
	// NixTrusted: the daemon trusts the caller, so the socket is worth root.
	NixTrusted bool
	// NixVersion is the daemon's version, where it says so.
	NixVersion string
	// NixSubstituters and NixKeys are where the host's Nix fetches from, and
	// whose signatures it trusts; known with NixDaemon.
	NixSubstituters, NixKeys []string

	// ClaudeShared are the host's own Claude files for config = "shared".
	ClaudeShared ClaudeFiles

	// Umask is the caller's, if that is another one than 022, which every program
	// in a container begins with.
	Umask *uint32

	// GitShared are the permissions, as bits of a mode, that the project's repository
	// gives to others (core.sharedRepository); zero for none.
	GitShared uint32

	// SSH is what the policy asked for of the host's ssh files.
	SSH SSH

	// NoFile is the hard limit of open files (RLIMIT_NOFILE).
	NoFile uint64

	// Present says for each host path that the policy grants (after "~/"
	// became Home) what it is; a path that is missing has no entry.
	Present map[string]Kind

	// Brought are the pieces of the host's own configuration that a private one
	// has too.
	Brought []bring.Piece
	// Toolchains are those of the home that the jail has.
	Toolchains []home.Found

	// Warnings are for the user, one line each: what could not be hidden,
	// protected or granted, and why.
	Warnings []string
}

// SSH is what the policy's [ssh] needs to know. What was not found is not there.
type SSH struct {
	// Agent is the socket of the host's agent (SSH_AUTH_SOCK); empty for none.
	Agent string
	// Keys are fingerprints by the paths that the policy has.
	Keys map[string]string
	// Hosts are the keys of hosts by their names in known_hosts.
	Hosts map[string][]string
}

// Kind is what a path is.
type Kind struct {
	// Dir: a folder; otherwise a file, socket or device.
	Dir bool
	// Real is the path with every symlink resolved.
	Real string
}

// What a survey of a folder finds.
type (
	// Project is what a survey finds in a folder that a jail may write.
	Project = survey.Project
	// Path is one path that was found, and why.
	Path = survey.Path
	// Link is a symlink that was found.
	Link = survey.Link
	// ClaudeFiles are the host's own Claude files.
	ClaudeFiles = survey.ClaudeFiles
)
