package contract

import "github.com/opencontainers/runtime-spec/specs-go"

// NativeArch is the ABI that a jail's programs use, and System is what Nix calls
// the kind of machine that this program is for.
const (
	NativeArch = specs.ArchAARCH64
	System     = "aarch64-linux"
)
