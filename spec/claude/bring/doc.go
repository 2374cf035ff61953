// Package bring finds what of the host's own Claude Code configuration a jail can
// have besides what a first run copies: skills, commands, agents, hooks, plugins,
// status lines, MCP servers. It says what each executes.
//
// What does not belong here: putting it into a jail (packages spec and claude),
// and what a policy may name (package policy).
package bring
