package survey

// Project is the folder that the agent works on.
type Project struct {
	// Dir is the project's folder.
	Dir string
	// Git are git folders of the project that lie outside Dir: the common
	// git directory of a worktree, which contains the worktree's own
	// .git/worktrees/NAME, or the parent's .git/modules/NAME of a submodule.
	// None lies inside another. Each was verified to lead back to Dir; what
	// did not is in the warnings instead.
	Git []string
	// Layer is the folder of the layer over it alone (files.project = "overlay"),
	// which need not exist, and Review the command that shows what is in it. Whoever
	// calls Of sets them.
	Layer, Review string
	// OwnProtect are patterns of Protect that the policy of a further project has. The
	// caller of Of sets them.
	OwnProtect []string
	// Nested are folders below Dir that are git repositories of their own.
	Nested []string
	// Hide are existing paths that the policy's hide patterns name.
	Hide []Path
	// Protect are existing paths that are to be read-only: the built-in list
	// and the policy's patterns. They may lie in Dir or in one of Git.
	Protect []Path
	// Unprotected are existing paths that would be in Protect, had the policy not
	// lifted it.
	Unprotected []Path
	// Respelled are entries that would be named by the built-in list, were they
	// spelled as it is: on some file systems they are what its name finds.
	Respelled []string
	// Sockets are sockets and FIFOs: a program of the host may listen there.
	// Those that the policy names are not among them.
	Sockets []string
	// Pin are the folders between a protected, hidden or covered path and the root
	// that contains it, outermost first, no duplicates.
	Pin []string
	// Watch are paths of the built-in list that do not exist now and would
	// matter if the agent made them; reported when the jail ends. Dir is
	// never set.
	Watch []Path
	// Names are what would matter in any folder of it, where it is not there
	// now: see Names.
	Names map[string]string
	// Follows are files in the folders below Dir that agents take for instructions.
	Follows []string
	// Changes are what the agent may change, and what is worth saying when it
	// does: scripts that hooks run, and what makes git show something else than
	// there is. They need not exist. Dir is never set.
	Changes []Path
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
