package spec

import "github.com/opencontainers/runtime-spec/specs-go"

const (
	nativeArch = specs.ArchX86_64
	mobyArch   = "amd64"
)
