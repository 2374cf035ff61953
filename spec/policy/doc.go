// Package policy is what a user may say about a jail: the TOML policy, its
// built-in defaults, and how several layers of it become one.
//
// The layers are, from weakest to strongest: built-in defaults, the user's
// file, the project's file, command line flags. Scalars of a stronger layer
// replace those of a weaker one; lists add up.
//
// A key is one row of the table in rows_*.go: its type, values, check, and what a
// change of it widens. Its fields are in Policy (policy.go) and Layer (layer.go).
//
// What does not belong here: files (a caller reads them and passes the bytes),
// the environment, and anything that depends on a host. A path in a policy
// stays as it was written ("~/.cache") until package spec resolves it. What is
// wrong with one value by itself is for package scalar, and what a difference
// means for package change.
//
// A policy is no protection by itself: it describes grants. What enforces them
// is the OCI runtime that runs the config.json made from it.
package policy
