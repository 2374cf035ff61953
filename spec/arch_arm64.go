package spec

import "github.com/opencontainers/runtime-spec/specs-go"

const (
	nativeArch = specs.ArchAARCH64
	mobyArch   = "arm64"
)
