// Package folder reads a configuration of Claude Code where it lies: the host's
// own, which may lead into the store of Nix, and a private one, which the agent
// can write at any time. Each file is read once, within bounds.
//
// What does not belong here: what of it is copied, shown or taken (package
// claude), and logins (account).
package folder
