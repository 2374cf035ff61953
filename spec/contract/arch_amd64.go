package contract

import "github.com/opencontainers/runtime-spec/specs-go"

// NativeArch is the ABI that a jail's programs use, and System is what Nix calls
// the kind of machine that this program is for.
const (
	NativeArch = specs.ArchX86_64
	System     = "x86_64-linux"
)
