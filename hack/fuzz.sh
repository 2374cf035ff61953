#!/usr/bin/env bash
# fuzz.sh [TIME]: every fuzz target of the project, for TIME each (default 5s).
# The targets are the parsers of what an attacker can write: policies, locks,
# patterns, closure files, git configuration. Their seeds, and what a fuzzer
# once found (testdata/fuzz), also run in every `make test`.
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=fuzz
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

cd "$REPO"
time=${1:-5s}
go=$(go_program) || die "Go is not installed"
targets=$(grep -rno --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' bundle cmd runtime spec hack | sed 's/:[0-9]*:func / /')
[ -n "$targets" ] || die "there are no fuzz targets"
failed=0
# Go would spend up to a minute on making each new input smaller, and try no
# others meanwhile.
while read -r file target; do
  log=$("$go" test "${GO_BUILD[@]}" -run='^$' -fuzz="^$target\$" -fuzztime="$time" -fuzzminimizetime=100x "./$(dirname "$file")" 2>&1 </dev/null) || {
    # Go says "context deadline exceeded" where time ran out in the middle of
    # an input (golang.org/issue/48591); a finding names its input.
    if ! grep -q 'context deadline exceeded' <<<"$log" || grep -q 'Failing input' <<<"$log"; then
      failed=1
      printf '%s\n' "$log" >&2
    fi
  }
  say "$(dirname "$file") $target: $(grep -oE 'execs: [0-9]+' <<<"$log" | tail -n1 || true)"
done <<<"$targets"
[ "$failed" = 0 ] || die "a target failed: the input is in its testdata/fuzz; commit it with the fix"
