// Package preset has the named groups of rules that a policy's network.allow
// may name: those of tools, and one of each agent that says what it calls.
//
// What does not belong here: what a rule is, and what it allows (spec/network).
package preset
