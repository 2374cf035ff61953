// Package network says what a jail may reach: rules, presets, and how they
// decide. It is pure: it resolves no name, opens no socket and reads no clock.
//
// A Config is what crosses from a policy to whatever enforces it, by way of an
// annotation of config.json. Rules are a Config that was parsed.
//
// What does not belong here: enforcing (runtime/egress), the policy file
// (spec/policy).
package network
