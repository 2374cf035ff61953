// Package storepath knows what a path in a Nix store looks like. It does not
// touch the disk.
//
// What does not belong here: closures, and advice for a command line.
package storepath

import (
	"fmt"
	"path"
	"strings"
)

// Dir is the only store directory that is supported: store paths have it
// compiled in.
const Dir = "/nix/store"

const (
	hashLen = 32
	// NameMax is Nix's own limit: hash, "-", name and Nix's suffixes must
	// fit into a file name of 255 bytes.
	NameMax = 211
)

// Error is what is wrong with a path.
type Error struct{ Path, Why string }

func (e *Error) Error() string { return fmt.Sprintf("%q is not a store path: %s", e.Path, e.Why) }

// Check tells whether p is a well-formed top-level store path,
// /nix/store/HASH-NAME, and returns an *Error if it is not.
func Check(p string) error {
	base, ok := strings.CutPrefix(p, Dir+"/")
	if !ok {
		return &Error{p, "it is not in " + Dir}
	}
	if len(base) <= hashLen || base[hashLen] != '-' {
		return &Error{p, "it is not of the form HASH-NAME with a hash of 32 characters"}
	}
	for i := range hashLen {
		if !hashBytes[base[i]] {
			return &Error{p, "its hash is not in Nix's base 32"}
		}
	}
	switch name := base[hashLen+1:]; {
	case name == "":
		return &Error{p, "it has no name after the hash"}
	case len(name) > NameMax:
		return &Error{p, fmt.Sprintf("its name is longer than %d characters", NameMax)}
	case name[0] == '.':
		return &Error{p, "its name starts with a dot"}
	default:
		for i := range len(name) {
			if !nameBytes[name[i]] {
				return &Error{p, "its name has a character that no store path has"}
			}
		}
	}
	return nil
}

// Base32 are the characters of Nix's base 32, in the order of their values.
const Base32 = "0123456789abcdfghijklmnpqrsvwxyz"

// hashBytes and nameBytes are the characters of a hash, and those of a name.
var (
	hashBytes = setOf(Base32)
	nameBytes = setOf("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-._?=")
)

func setOf(bytes string) (set [256]bool) {
	for i := range len(bytes) {
		set[bytes[i]] = true
	}
	return set
}

// Split divides a path in the store into its top-level store path and the
// rest ("" or "bin/claude"). Empty components, "." and ".." are refused, so
// that what was checked is what will be opened. Errors are *Error.
func Split(p string) (root, rest string, err error) {
	p = strings.TrimSuffix(p, "/")
	base, ok := strings.CutPrefix(p, Dir+"/")
	if !ok {
		return "", "", &Error{p, "it is not in " + Dir}
	}
	top, rest, deep := strings.Cut(base, "/")
	root = Dir + "/" + top
	if err := Check(root); err != nil {
		return "", "", err
	}
	if deep && (rest == "" || path.Clean("/"+rest) != "/"+rest || strings.ContainsRune(rest, 0)) {
		return "", "", &Error{p, `it has an empty, "." or ".." component`}
	}
	return root, rest, nil
}

// Name is the package name in a well-formed store path: what follows the hash.
func Name(p string) string { return p[len(Dir)+1+hashLen+1:] }

// InName tells whether a character may be in what follows "/nix/store/" in a store path.
func InName(b byte) bool { return nameBytes[b] }
