// Package commits checks the messages of commits: commits.sh is part of make
// lint, and the test here is that it finds what it looks for.
//
// What does not belong here: what a commit changes.
package commits
