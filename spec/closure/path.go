package closure

import (
	"fmt"
	"path"
	"strings"
)

const (
	hashLen = 32
	// nameMax is Nix's own limit: hash, "-", name and Nix's suffixes must
	// fit into a file name of 255 bytes.
	nameMax = 211
)

// CheckPath tells whether p is a well-formed top-level store path,
// /nix/store/HASH-NAME, and wraps ErrBadPath if it is not. It does not touch
// the disk.
func CheckPath(p string) error {
	base, ok := strings.CutPrefix(p, StoreDir+"/")
	if !ok {
		return badPath(p, "it is not in "+StoreDir)
	}
	if len(base) <= hashLen || base[hashLen] != '-' {
		return badPath(p, "it is not of the form HASH-NAME with a hash of 32 characters")
	}
	for i := 0; i < hashLen; i++ {
		if !hashBytes[base[i]] {
			return badPath(p, "its hash is not in Nix's base 32")
		}
	}
	switch name := base[hashLen+1:]; {
	case name == "":
		return badPath(p, "it has no name after the hash")
	case len(name) > nameMax:
		return badPath(p, fmt.Sprintf("its name is longer than %d characters", nameMax))
	case name[0] == '.':
		return badPath(p, "its name starts with a dot")
	default:
		for i := 0; i < len(name); i++ {
			if !nameBytes[name[i]] {
				return badPath(p, "its name has a character that no store path has")
			}
		}
	}
	return nil
}

// hashBytes and nameBytes are the characters of a hash in Nix's base 32, and
// those of a name.
var (
	hashBytes = setOf("0123456789abcdfghijklmnpqrsvwxyz")
	nameBytes = setOf("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-._?=")
)

func setOf(bytes string) (set [256]bool) {
	for i := range len(bytes) {
		set[bytes[i]] = true
	}
	return set
}

func badPath(p, why string) error {
	return &Error{
		What: fmt.Sprintf("%q is not a store path: %s", p, why),
		Fix:  "give a path as " + StoreDir + "/HASH-NAME, or a Nix installable such as nixpkgs#claude-code",
		Err:  ErrBadPath,
	}
}

// Split divides a path in the store into its top-level store path and the
// rest ("" or "bin/claude"). Empty components, "." and ".." are refused, so
// that what was checked is what will be opened.
func Split(p string) (root, rest string, err error) {
	p = strings.TrimSuffix(p, "/")
	base, ok := strings.CutPrefix(p, StoreDir+"/")
	if !ok {
		return "", "", badPath(p, "it is not in "+StoreDir)
	}
	top, rest, deep := strings.Cut(base, "/")
	root = StoreDir + "/" + top
	if err := CheckPath(root); err != nil {
		return "", "", err
	}
	if deep && (rest == "" || path.Clean("/"+rest) != "/"+rest || strings.ContainsRune(rest, 0)) {
		return "", "", badPath(p, `it has an empty, "." or ".." component`)
	}
	return root, rest, nil
}

// inStore tells whether p lies in the store directory or is it, by component.
func inStore(p string) bool {
	return p == StoreDir || strings.HasPrefix(p, StoreDir+"/")
}

// name is the package name in a well-formed store path: what follows the hash.
func name(p string) string {
	return p[len(StoreDir)+1+hashLen+1:]
}
