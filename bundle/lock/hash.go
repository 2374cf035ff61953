package lock

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/jailed-claude/jailed-claude/internal/storepath"
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

// Registered is a store path as Nix registers it, whose hash comes in three
// spellings.
func Registered(path, narHash string, narSize uint64) (Path, error) {
	hash, err := anyHash(narHash)
	if err != nil {
		return Path{}, fmt.Errorf("registration of %q: %w", path, err)
	}
	return Path{Path: path, NarHash: hash, NarSize: int64(narSize)}, nil
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
	case (sha256.Size*8 + 4) / 5:
		sum, err = fromBase32(digits)
	}
	if err != nil || len(sum) != sha256.Size {
		return "", fmt.Errorf("%.100q is not a SHA-256", s)
	}
	return formatHash(sum), nil
}

// fromBase32 reads Nix's base 32: a number of little-endian bytes, its highest
// digit first. What does not fit into whole bytes must be zero.
func fromBase32(digits string) ([]byte, error) {
	sum := make([]byte, len(digits)*5/8)
	for i := range len(digits) {
		digit := strings.IndexByte(storepath.Base32, digits[len(digits)-1-i])
		if digit < 0 {
			return nil, fmt.Errorf("%q is no digit of base 32", digits[len(digits)-1-i])
		}
		at, bits := i*5/8, uint(digit)<<(i*5%8)
		sum[at] |= byte(bits)
		if rest := byte(bits >> 8); at+1 < len(sum) {
			sum[at+1] |= rest
		} else if rest != 0 {
			return nil, fmt.Errorf("base 32 of more than %d bytes", len(sum))
		}
	}
	return sum, nil
}
