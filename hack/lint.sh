#!/usr/bin/env bash
# lint.sh: what `make lint` runs: golangci-lint (.golangci.yml), go vet, gofmt,
# a tidy go.mod, govulncheck, and shellcheck. Runs all of them, then fails if
# one did.
set -euo pipefail
ME=lint
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

cd "$REPO"
"$HACK/deps.sh" lint
go=$(go_program)
failed=0
check() { "$@" || failed=1; }

linter=$(go_tool github.com/golangci/golangci-lint/v2/cmd/golangci-lint v2.15.0)
check "$linter" run ./...
check "$go" vet "${GO_BUILD[@]}" ./...
check "$go" mod tidy -diff
check "$HACK/vuln/vuln.sh"
check "$HACK/vuln/check.sh"

mapfile -d '' -t sources < <(git ls-files --cached --others --exclude-standard --deduplicate -z -- '*.go')
unformatted=$("$("$go" env GOROOT)/bin/gofmt" -l "${sources[@]}")
if [ -n "$unformatted" ]; then
  say "not as gofmt has it: ${unformatted//$'\n'/ }"
  failed=1
fi

mapfile -d '' -t scripts < <(git ls-files --cached --others --exclude-standard --deduplicate -z -- '*.sh' .ci/run)
check shellcheck --external-sources "${scripts[@]}"
exit "$failed"
