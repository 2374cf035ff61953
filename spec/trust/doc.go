// Package trust remembers which policy files of projects the user approved.
//
// It is the model of direnv: an approval is for exactly those bytes at exactly
// that path, and lies where no jail reaches it. A policy of a project comes
// from whoever wrote the project, or from an agent that worked on it before;
// what it asks for beyond the user's own policy is the user's to grant.
//
// The path is part of an approval because what a policy means depends on where
// it is: "read the project's credentials" may be fine for one clone and not for
// another one of the same repository, made by somebody else for another
// purpose. So a clone that was moved is approved again.
//
// An approval stays until it is revoked: a file that goes back to bytes that
// were approved before, on another branch say, applies again.
//
// What does not belong here: what a policy means (package policy), and asking
// the user (the command line).
//
// What it does not protect against: whoever can write the caller's state
// folder, which is whoever can act as the caller.
package trust
