// Package trusted says what of a project the host executes or trusts, path by path,
// for a review of the project's layer.
//
// What does not belong here: the lists (spec/agent, spec/host/survey), and what is
// done about it (bundle/review).
package trusted
