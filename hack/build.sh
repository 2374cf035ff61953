#!/usr/bin/env bash
# build.sh: builds bin/jailed-claude, one static binary. Quiet.
set -euo pipefail
ME=build
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

cd "$REPO"
# From git and not from Go's own stamp, so that root can build in somebody
# else's clone.
version=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)
go=$(go_program) || die "Go is not installed"
mkdir -p bin
c_library
CGO_ENABLED=1 "$go" build "${GO_BUILD[@]}" -ldflags "$GO_LDFLAGS -X main.version=$version" \
  -o bin/jailed-claude ./cmd/jailed-claude
if readelf --program-headers bin/jailed-claude | grep -q INTERP; then
  die "bin/jailed-claude is not static"
fi
