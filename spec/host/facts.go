package host

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
	// OwnDirs are the folders that no grant may expose: StateDir, the
	// configuration folder and the cache of jailed-claude.
	OwnDirs []string
	// Executable is this program's own binary.
	Executable string

	Project Project

	// GitName and GitEmail are user.name and user.email as git sees them in
	// the project; empty where unset.
	GitName, GitEmail string

	// CAFile is the host's certificate bundle (PEM), ExtraCAFile that of
	// NODE_EXTRA_CA_CERTS; empty where there is none.
	CAFile, ExtraCAFile string
	// ResolvConf is the file that /etc/resolv.conf leads to; empty if none.
	ResolvConf string
	// Localtime is the time zone file that /etc/localtime leads to.
	Localtime string
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

	// NoFile is the hard limit of open files (RLIMIT_NOFILE).
	NoFile uint64

	// Present says for each host path that the policy grants (after "~/"
	// became Home) what it is; a path that is missing has no entry.
	Present map[string]Kind

	// Warnings are for the user, one line each: what could not be hidden,
	// protected or granted, and why.
	Warnings []string
}

// Kind is what a path is.
type Kind struct {
	// Dir: a folder; otherwise a file, socket or device.
	Dir bool
	// Real is the path with every symlink resolved.
	Real string
}

// Project is the folder that the agent works on.
type Project struct {
	// Dir is the project's folder.
	Dir string
	// Git are git folders of the project that lie outside Dir: the common
	// git directory of a worktree, which contains the worktree's own
	// .git/worktrees/NAME, or the parent's .git/modules/NAME of a submodule.
	// None lies inside another. Each was verified to lead back to Dir; what
	// did not is in Facts.Warnings instead.
	Git []string
	// Nested are folders below Dir that are git repositories of their own.
	Nested []string
	// Hide are existing paths that the policy's hide patterns name.
	Hide []Path
	// Protect are existing paths that are to be read-only: the built-in list
	// and the policy's patterns. They may lie in Dir or in one of Git.
	Protect []Path
	// Pin are the folders between a protected or hidden path and the root
	// that contains it, outermost first, no doubles.
	Pin []string
	// Watch are paths of the built-in list that do not exist now and would
	// matter if the agent made them; reported when the jail ends. Dir is
	// never set.
	Watch []Path
	// Links are symlinks of the built-in list. What they lead to is in
	// Protect if it lies in the jail, but a symlink cannot be a mount point:
	// the agent can replace it. Reported when the jail ends.
	Links []Link
}

// Link is a symlink and what it says.
type Link struct {
	// Path is where the link is.
	Path string
	// Target is its text, as readlink(2) returns it; for ClaudeFiles.Links the
	// path that it leads to.
	Target string
	// Text is the text of ClaudeFiles.Links.
	Text string
	// Dir: what it leads to is a folder. Known for ClaudeFiles.Links.
	Dir bool
}

// Path is one existing path.
type Path struct {
	Path string
	// Dir: it is a folder.
	Dir bool
	// Why names the rule: a policy pattern, or one of the built-in list.
	Why string
}

// ClaudeFiles are the host's own Claude files.
type ClaudeFiles struct {
	// Dir is the host's ~/.claude or CLAUDE_CONFIG_DIR; empty if missing.
	Dir string
	// JSON is the host's ~/.claude.json; empty if missing, and when it lies
	// inside Dir (CLAUDE_CONFIG_DIR).
	JSON string
	// Executable are existing paths inside Dir that the host's claude would
	// execute or trust: settings, hooks, plugins, skills, commands, agents,
	// memory files, and the programs in Dir that the settings name. One that
	// was a symlink is reported by its target if that lies in Dir too.
	Executable []Path
	// Watch are such paths that do not exist now.
	Watch []Path
	// Links are such paths that are symlinks, with their resolved targets.
	// On a host of home-manager these are store paths, which the jail needs
	// to see under their own names.
	Links []Link
	// Private are folders inside Dir that a jail needs its own of, because
	// what lies in them is sourced by the shells of the host's sessions.
	// They exist.
	Private []string
}
