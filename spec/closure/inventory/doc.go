// Package inventory knows which store paths a closure has and what of each of
// them a jail needs to know: whether it has programs, a shell, an env, and
// whether it is a symlink. A store path never changes, so a per-user cache keeps
// what was found.
//
// What does not belong here: which closure it is, and asking Nix (package
// closure).
//
// What is not protected: store paths are taken as they are on disk.
package inventory
