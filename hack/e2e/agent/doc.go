// Package agent runs the real Claude Code in a jail against a scripted API:
// whole turns, its screen, its configuration, and builds that it makes. It
// holds tests only.
//
// What does not belong here: the API key, which has a package of its own (keys).
package agent
