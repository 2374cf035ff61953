// Package registration reads and writes lists of store paths: one path a line,
// or with the hashes and references by which Nix registers them (closureInfo's
// file "registration", nix-store --load-db).
//
// What does not belong here: whether the paths are on disk, and what is in them.
package registration
