#!/usr/bin/env bash
# lint.sh: what `make lint` runs: golangci-lint (.golangci.yml; it also looks at
# the formatting), go vet, a tidy go.mod, govulncheck, shellcheck, and the
# messages of commits. Runs all of them, then fails if one did.
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
# Files for other systems and tags too.
check "$linter" fmt --diff
check "$go" vet "${GO_BUILD[@]}" ./...
check "$go" mod tidy -diff
# Modules of their own.
for module in hack/lab hack/kube hack/cluster; do
  check env -C "$module" "$linter" run --config ../../.golangci.yml
  check env -C "$module" "$go" mod tidy -diff
done
check "$HACK/vuln/vuln.sh"
check "$HACK/vuln/check.sh"

mapfile -d '' -t scripts < <(git ls-files --cached --others --exclude-standard --deduplicate -z -- '*.sh' .ci/run)
check shellcheck --external-sources "${scripts[@]}"
check "$HACK/commits/commits.sh"
exit "$failed"
