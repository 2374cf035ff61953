// Package host reads the facts of this host that a jail depends on: the user,
// the home, the project, the git identity, certificates, the Nix daemon. It
// reads them once and returns a plain struct; everything after it is a
// function of that struct.
//
// It alone reads the working directory, the environment, ids and terminals.
// What does not belong here: decisions. Whether a fact is granted to a jail is
// for packages policy and spec.
//
// What it does not protect against: the facts are those of one moment.
package host
