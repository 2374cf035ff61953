#!/usr/bin/env bash
# lint.sh: what `make lint` runs: golangci-lint (.golangci.yml), go vet, gofmt,
# a tidy go.mod, and shellcheck. Runs all of them, then fails if one did.
set -euo pipefail
ME=lint
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

version=v2.15.0
cd "$REPO"
"$HACK/deps.sh" lint
go=$(go_program)
failed=0
check() { "$@" || failed=1; }

# Built from source, checked by Go's checksum database, once for each version.
# The Go version is part of the name: a linter that is older than the Go of
# the sources refuses to look at them.
linter=$(cache_root)/lint/golangci-lint-$version-$("$go" env GOVERSION)
if [ ! -x "$linter" ]; then
  say "building golangci-lint $version (a few minutes, once)"
  mkdir -p "$(dirname "$linter")"
  new=$(mktemp -d "$(dirname "$linter")/.new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  GOFLAGS='' GOBIN=$new CGO_ENABLED=0 "$go" install -trimpath -ldflags '-s -w' \
    "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version" 2>"$new/log" ||
    { tail -n 5 "$new/log" >&2; die "golangci-lint cannot be built"; }
  mv "$new/golangci-lint" "$linter"
fi
check "$linter" run ./...
check "$go" vet "${GO_BUILD[@]}" ./...
check "$go" mod tidy -diff

mapfile -d '' -t sources < <(git ls-files --cached --others --exclude-standard --deduplicate -z -- '*.go')
unformatted=$("$("$go" env GOROOT)/bin/gofmt" -l "${sources[@]}")
if [ -n "$unformatted" ]; then
  say "not as gofmt has it: ${unformatted//$'\n'/ }"
  failed=1
fi

mapfile -d '' -t scripts < <(git ls-files --cached --others --exclude-standard --deduplicate -z -- '*.sh' .ci/run)
check shellcheck --external-sources "${scripts[@]}"
exit "$failed"
