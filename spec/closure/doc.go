// Package closure finds the files that a program needs in order to run: its
// Nix closure, or the host's own toolchain where there is no store.
//
// A closure comes from a store path, a Nix installable, a list of store paths
// or a closureInfo registration (then no Nix program runs), or a "claude" on
// PATH that resolves into a store. Closures of store paths never change, so a
// per-user cache keyed by store path makes a warm start free of Nix.
//
// What is not protected: store paths are taken as they are on disk, and Nix
// and the owner of the store are trusted. A host toolchain is whatever /usr
// is. A path that is there now may be collected while a jail runs; Nix keeps
// what it finds in the environment and open files of running processes.
//
// What does not belong here: how the paths are mounted (package spec), and
// checking their contents (NAR hashes; package bundle/lock).
package closure
