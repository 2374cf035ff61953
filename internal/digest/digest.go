// Package digest is the SHA-256 that policies, specifications and locks are
// compared by, in the spelling of OCI: "sha256:" and hexadecimal digits.
//
// What does not belong here: what a digest is of, and in which form.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const prefix = "sha256:"

// Of is "sha256:" and the hash in lower-case hexadecimal digits.
func Of(data []byte) string {
	sum := sha256.Sum256(data)
	return prefix + hex.EncodeToString(sum[:])
}

// Is tells whether s has the form that Of returns.
func Is(s string) bool {
	digits, ok := strings.CutPrefix(s, prefix)
	return ok && len(digits) == hex.EncodedLen(sha256.Size) && strings.Trim(digits, "0123456789abcdef") == ""
}
