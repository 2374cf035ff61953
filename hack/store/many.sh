#!/usr/bin/env bash
# many.sh N: makes sure that N tiny, real store paths exist (each a folder
# with one file, no references) and prints them, one a line, sorted: closures
# of any size for tests and benchmarks. The same N gives the same paths, and
# a smaller N a subset. Root only, except where they are there already.
set -euo pipefail
ME=store
# shellcheck source-path=SCRIPTDIR source=nix.sh
. "$(dirname "$0")/nix.sh"

count=${1:-}
[[ $count =~ ^[1-9][0-9]{0,3}$ ]] || die "usage: many.sh N (1 to 9999)"
list=$STATE/tiny

# print_tiny prints the first N of the list, or fails where one is missing.
print_tiny() {
  [ -s "$list" ] || return 1
  local paths=() path
  mapfile -t -n "$count" paths <"$list"
  [ "${#paths[@]}" -eq "$count" ] || return 1
  for path in "${paths[@]}"; do [ -e "$path" ] || return 1; done
  printf '%s\n' "${paths[@]}" | sort
}

if print_tiny; then exit; fi
become_root "$@"
[ -d "$STATE" ] || die "no store yet: run hack/store/up.sh first"
umask 022
exec 9>"$STATE/lock"
flock 9
if print_tiny; then exit; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
names=()
for ((i = 1; i <= count; i++)); do
  name=$(printf 'tiny-%04d' "$i")
  mkdir "$work/$name"
  echo "$i" >"$work/$name/number"
  names+=("$name")
done
# One invocation for all of them. They have no root of the garbage collector:
# whoever collects garbage gets them back by running this again.
(cd "$work" && nix-store --add "${names[@]}") >"$list.new"
mv "$list.new" "$list"
print_tiny
