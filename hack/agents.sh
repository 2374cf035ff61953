#!/usr/bin/env bash
# The real agents, at the versions that spec/agent was made from, start in a
# jail by their names, find what they kept, and take whole turns against scripted
# services (hack/e2e/agents). Needs bin/jailed-claude, npm and its registry.
# "make test" has codex alone.
#
#   hack/agents.sh [NAME…]
set -euo pipefail
ME=agents
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$REPO"
program=$PWD/bin/jailed-claude
cache=${JAIL_AGENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/jailed-claude-agents}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/home/project" "$cache"

[ -n "$(agent_rows)" ] || die "spec/agent/others.go has no row that can be read"

failed=0
while read -r name command package version; do
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  prefix=$cache/$name-$version
  if [ ! -x "$prefix/bin/$command" ] && ! npm install -g --prefix "$prefix" --loglevel=error --allow-scripts="$package" --allow-scripts=@ampcode/cli "$package@$version" >"$work/npm.log" 2>&1; then
    echo "skip $name: npm has no $package@$version here: $(tail -n 1 "$work/npm.log")"
    continue
  fi
  # In the jail it is on PATH by its name, and its folders are kept.
  jail=(env HOME="$work/home" PATH="$prefix/bin:$PATH" "$program")
  folder=$(cd "$work/home/project" && "${jail[@]}" explain --agent "$name" | awk '/for the jails of this project alone/ { print $2; exit }')
  if said=$(cd "$work/home/project" && "${jail[@]}" run "$name" -- --version 2>&1 </dev/null) &&
    (cd "$work/home/project" && "${jail[@]}" shell --agent "$name" -- sh -c "command -v $command >/dev/null && echo kept >'$folder/check'" &&
      "${jail[@]}" shell --agent "$name" -- grep -qx kept "$folder/check") && [ ! -e "$folder/check" ]; then
    echo "ok   $name $version: $(tail -n 1 <<<"$said")"
  else
    echo "FAIL $name $version: $said"
    failed=1
  fi
done < <(agent_rows)
# Whole turns, against scripted services, as whoever can read the cache.
as=user
[ "$(id -u)" -ne 0 ] || as=root
JAIL_TEST_AS=$as JAIL_TEST_TAGS=agents JAIL_TEST_AGENTS=$cache JAIL_TEST_TIMEOUT=120m hack/test.sh ./hack/e2e/agents || failed=1
echo "amp: no whole turn can be played: its model is behind ampcode.com, which speaks a protocol of its own"
exit "$failed"
