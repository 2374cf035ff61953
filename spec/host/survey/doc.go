// Package survey looks at a folder that an agent will write, before it does:
// what is there that programs of the host execute or trust, what the policy's
// patterns hide and protect, which git repositories are in it, and what would
// matter if the agent made it. It looks at the host's own configuration of an
// agent in the same way.
//
// What does not belong here: what is done about it (package spec), what an
// agent trusts (package agent), and how git reads its files (package git).
//
// What it does not protect against: the findings are those of one moment. A file
// that appears later is neither hidden nor protected; the watched names are
// reported when the jail has ended. Files that run only because the user
// starts a build (Makefile, package.json, build.rs, CI workflows) are the
// agent's work and stay writable; the list holds what a host runs unasked, when
// somebody enters a folder, opens an editor or types git.
package survey
