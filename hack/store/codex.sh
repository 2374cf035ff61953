#!/usr/bin/env bash
# codex.sh: the real codex for the tests, at the version that spec/agent was made
# from, laid out as "npm install -g" does. Its two tarballs are pinned in
# ../npm.sha256, and nothing of them runs here. Prints the folder that holds
# codex-VERSION: the second time it is found there.
#
#   JAIL_STORE_CACHE=DIR  as for up.sh
#
# Exit status 77, with the reason, where it cannot be had.
set -euo pipefail
ME=codex
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# What the store is made of is for this architecture too.
[ "$(uname -m)" = x86_64 ] || skip "the pinned codex is for x86_64 only, this is $(uname -m)"
version=$(agent_rows | awk '$1 == "codex" { print $4 }')
tarballs=("$version" "$version-linux-x64")
key=
for tarball in "${tarballs[@]}"; do
  pinned=$(npm_pinned @openai/codex "$tarball")
  [ -n "$pinned" ] || die "spec/agent was made from codex $version, and hack/npm.sha256 has no @openai/codex@$tarball"
  key+=$pinned
done

cache=${JAIL_STORE_CACHE:-$(cache_root)}/agents
there() { [ "$(cat "$cache/codex-$version/pinned" 2>/dev/null)" = "$key" ]; }
if ! there; then
  umask 022
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
fi
if ! there; then # nor did another one do it while we waited
  say "downloading codex $version (172 MB)"
  new=$(mktemp -d "$cache/.new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  main=$new/it/lib/node_modules/@openai/codex
  platform=$main/node_modules/@openai/codex-linux-x64
  mkdir -p "$platform" "$new/it/bin"
  for tarball in "${tarballs[@]}"; do npm_fetch @openai/codex "$tarball" "$new/$tarball.tgz" || exit; done
  tar -xzf "$new/$version.tgz" --no-same-owner --strip-components=1 -C "$main"
  tar -xzf "$new/$version-linux-x64.tgz" --no-same-owner --strip-components=1 -C "$platform"
  chmod -R a+rX "$new/it"
  ln -s ../lib/node_modules/@openai/codex/bin/codex.js "$new/it/bin/codex"
  echo "$key" >"$new/it/pinned"
  # Old versions are not kept: the cache would only ever grow.
  rm -rf "$cache"/codex-*
  mv "$new/it" "$cache/codex-$version"
fi
echo "$cache"
