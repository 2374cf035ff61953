// Package imports holds the rules of what imports what, each with its reason,
// and tests that enforce them: imports_test.go for packages of this module,
// dependencies_test.go for those of others, which docs/dependencies.md lists.
//
// What does not belong here: what the rules are good for. The shape of the
// program is in docs/design.md.
package imports
