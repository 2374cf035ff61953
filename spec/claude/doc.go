// Package claude is Claude Code's own configuration in a jail: what the first
// run of a private configuration is seeded with, and what of it goes back to
// the host.
//
// Seed copies from the host what is neither secret nor executed: appearance,
// finished onboarding, harmless settings, and memory files. Both JSON files
// are copied by allow-lists of keys (keys.go), so that a key of a later Claude
// Code is left out until somebody has looked at it. Review compares the
// private folder with what was seeded and with the host's, piece by piece, and
// takes over what the user wants.
//
// The private folder is the agent's to write, at any time: another jail may
// run. So everything in it is read once, below a descriptor and without
// following symlinks; what is shown is what is taken. What was seeded is
// remembered outside of the folder, where no jail can change it.
//
// What is not protected: memory files (CLAUDE.md, rules, output styles) are
// copied into the jail as they are, with whatever secret was written in them.
// What the user takes over is believed: a skill that reads well and does harm
// is harm on the host. A login that was copied (Options.Login) is the agent's
// to use and to send away.
//
// Not here: logins and answers about API keys (account), how a configuration is
// read (folder), which folder is mounted where (package spec), what of a shared
// configuration is protected (package host), and how the user is
// asked (cmd).
package claude
