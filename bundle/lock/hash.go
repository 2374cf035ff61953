package lock

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/nix-community/go-nix/pkg/nixbase32"

	"github.com/jailed-claude/jailed-claude/spec/closure"
)

// sri begins a SHA-256 as Subresource Integrity has it.
const sri = "sha256-"

// base64 in one way only: no line ends, no bits beyond the hash.
var encoding = base64.StdEncoding.Strict()

func formatHash(sum []byte) string { return sri + encoding.EncodeToString(sum) }

func checkHash(s string) error {
	digits, ok := strings.CutPrefix(s, sri)
	if sum, err := encoding.DecodeString(digits); !ok || err != nil || len(sum) != sha256.Size || strings.ContainsAny(digits, "\r\n") {
		return fmt.Errorf("%.100q is not of the form %sBASE64", s, sri)
	}
	return nil
}

// Registered takes what Nix knows of store paths, whose hashes come in three
// spellings.
func Registered(regs []closure.Registration) (map[string]Path, error) {
	known := make(map[string]Path, len(regs))
	for _, r := range regs {
		hash, err := anyHash(r.NarHash)
		if err != nil {
			return nil, fmt.Errorf("registration of %q: %w", r.Path, err)
		}
		known[r.Path] = Path{Path: r.Path, NarHash: hash, NarSize: int64(r.NarSize)}
	}
	return known, nil
}

func anyHash(s string) (string, error) {
	if checkHash(s) == nil {
		return s, nil
	}
	digits := strings.TrimPrefix(s, "sha256:")
	var sum []byte
	var err error
	switch len(digits) {
	case hex.EncodedLen(sha256.Size):
		sum, err = hex.DecodeString(digits)
	case nixbase32.EncodedLen(sha256.Size):
		sum, err = nixbase32.DecodeString(digits)
	}
	if err != nil || len(sum) != sha256.Size {
		return "", fmt.Errorf("%.100q is not a SHA-256", s)
	}
	return formatHash(sum), nil
}
