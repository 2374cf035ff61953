// Package tools tests that the programs of a day's work do in a jail what they do
// outside: those of the system, those of the home, and what they keep.
//
// What does not belong here: what a jail must not see or change (files), and the
// registries that programs fetch from (network).
package tools
