#!/usr/bin/env bash
# commits.sh [BASE]: the commits of the repository around the current folder,
# after BASE: a subject is `room: what changed` in at most 72 characters, and
# whoever changes code says why in the body. Part of `make lint`.
#
# A clone without BASE is a shallow one, and all that it has is newer. Of the
# oldest commit in it nobody knows what it changed. Where there is no git or no
# repository, as in an unpacked archive, there is nothing to check.
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=commits
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# Before it, subjects were of any length, or mostly alone.
base=${1:-6566e3dae0652561aa582cf744cc1cbb9f7206c0}
git() { command git -c safe.directory='*' "$@"; }
git rev-parse --git-dir >/dev/null 2>&1 || { say "not a clone: no commits to check"; exit; }
range=HEAD
if git cat-file -e "$base^{commit}" 2>/dev/null; then range=$base..HEAD; fi
shallow=$(cat "$(git rev-parse --git-path shallow)" 2>/dev/null || true)

failed=0
fail() { say "$(git log -1 --format=%h "$1"): $2: $(git log -1 --format=%s "$1")"; failed=1; }
code='(^|/)(Makefile|go\.mod)$|\.(go|c|h|nix|sh)$'
while read -r commit; do
  subject=$(git log -1 --format=%s "$commit")
  [ "${#subject}" -le 72 ] || fail "$commit" "the subject has ${#subject} characters, at most 72"
  [[ $subject =~ ^[A-Za-z0-9._][A-Za-z0-9._/,\ -]*:\ [^\ ] ]] || fail "$commit" "the subject is not 'room: what changed'"
  [[ $shallow != *$commit* ]] || continue
  body=$(git log -1 --format=%b "$commit" | grep -vE '^([A-Z][A-Za-z-]+: .*)?$' || true)
  if [ -z "$body" ] && git diff-tree --no-commit-id --name-only -r --root "$commit" | grep -qE "$code"; then
    fail "$commit" "changes code, and no body says why"
  fi
done < <(git rev-list --no-merges "$range")
exit "$failed"
