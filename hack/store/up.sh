#!/usr/bin/env bash
# up.sh: a real Nix store for the tests, without nixpkgs or a binary cache.
# Builds Claude Code and its tools from Debian packages and npm tarballs, or
# restores them from the cache of an earlier build, or finds them there.
#
# Prints lines for the shell to evaluate:
#   CLAUDE, DEVENV, DEVENV_NODE, BASE           store paths
#   CLAUDE_CLOSURE, DEVENV_CLOSURE, …           their closures, one path a line
# and leaves beside each list a NAME.registration as closureInfo makes them.
#
#   JAIL_STORE_CACHE=DIR  where downloads and built paths are kept, outside of
#                         the repository (default: /var/cache/jailed-claude).
#                         Claude Code's licence is not open: never publish it.
#
# Root only, except where the store is up already. Exit status 77, with the
# reason, where it cannot be made: no root, no Nix, registries out of reach.
set -euo pipefail
ME=store
# shellcheck source-path=SCRIPTDIR source=nix.sh
. "$(dirname "$0")/nix.sh"

here=$HACK/store
names=(claude devenv devenv-node base)
# What the store paths follow from, apart from the Debian packages' versions:
# not the tarballs of codex, which codex.sh unpacks elsewhere.
sources_key=$(
  { cat "$here/fetch.sh"; grep -v ' @openai/codex@' "$HACK/npm.sha256"; echo "$CLAUDE_VERSION_PINNED $NODE_VERSION_PINNED"; } | sha256sum | cut -c1-16
)
recipe_key=$(cat "$here/default.nix" "$here"/builders/* | sha256sum | cut -c1-16)-$sources_key

# is_up: the store holds what this recipe makes. Looking for the first path of
# each closure would miss a half-deleted store, so it looks for all of them.
is_up() {
  [ "$(cat "$STATE/recipe" 2>/dev/null)" = "$recipe_key" ] || return 1
  local name path
  for name in "${names[@]}"; do
    while read -r path; do
      [ -e "$path" ] || return 1
    done <"$STATE/$name.closure" || return 1
  done
}

print_paths() { cat "$STATE/paths"; }

if is_up; then print_paths; exit; fi
become_root "$@"

[ "$(uname -m)" = x86_64 ] || skip "the test store is for x86_64 only, this is $(uname -m)"
command -v nix-store >/dev/null 2>&1 || skip "Nix is not installed (apt-get install nix-bin)"
for tool in dpkg-deb patchelf perl; do
  command -v "$tool" >/dev/null 2>&1 || skip "$tool is not installed"
done
if [ -d /nix/store ] && [ "$(stat -c %u /nix/store)" != 0 ]; then
  skip "/nix/store belongs to $(stat -c %U /nix/store): a single-user Nix that root should not write to"
fi

umask 022
cache=${JAIL_STORE_CACHE:-$(cache_root)}/store
mkdir -p "$cache" "$STATE"
exec 9>"$STATE/lock"
flock 9
if is_up; then print_paths; exit; fi # another one did it while we waited
export HOME=$STATE/home # nix's own caches
mkdir -p "$HOME"
write_conf
nix-store --init
started=$SECONDS

# The cache of built paths is good for this recipe only.
restored=
if [ -s "$cache/nar/roots-$recipe_key" ]; then
  mapfile -t roots <"$cache/nar/roots-$recipe_key"
  if nix copy --no-check-sigs --from "file://$cache/nar" "${roots[@]}" 2>"$cache/copy.log"; then
    restored=1
    say "restored from $cache in $((SECONDS - started)) s"
  else
    say "the cache in $cache does not restore, building anew: $(tail -n1 "$cache/copy.log")"
  fi
fi
if [ -z "$restored" ]; then
  if [ "$(cat "$cache/src/key" 2>/dev/null)" != "$sources_key" ]; then
    say "downloading Debian packages and npm tarballs (230 MB)"
    "$here/fetch.sh" "$cache/src"
    echo "$sources_key" >"$cache/src/key"
  fi
  # The path that the derivations name, wherever the cache is.
  ln -sfn "$cache/src" "$STATE/src"
  say "building the store"
  attributes=()
  for name in "${names[@]}"; do attributes+=(-A "$name"); done
  nix-build "$here" "${attributes[@]}" --no-out-link >"$cache/roots" 2>"$cache/build.log" || {
    tail -n 20 "$cache/build.log" >&2
    die "the build failed; whole log: $cache/build.log"
  }
  mapfile -t roots <"$cache/roots"
  # Old paths are not kept: the cache would only ever grow.
  rm -rf "$cache/nar"
  nix copy --to "file://$cache/nar?compression=zstd&parallel-compression=true" "${roots[@]}" 2>"$cache/copy.log" ||
    die "filling $cache: $(tail -n1 "$cache/copy.log")"
  mv "$cache/roots" "$cache/nar/roots-$recipe_key"
  say "built in $((SECONDS - started)) s"
fi

rm -f "$STATE/recipe"
mkdir -p /nix/var/nix/gcroots/jailed-claude
for i in "${!names[@]}"; do
  name=${names[i]} path=${roots[i]}
  ln -sfn "$path" "/nix/var/nix/gcroots/jailed-claude/$name"
  nix-store -qR "$path" | sort >"$STATE/$name.closure"
  mapfile -t closure <"$STATE/$name.closure"
  nix-store --dump-db "${closure[@]}" >"$STATE/$name.registration"
  variable=${name^^}
  variable=${variable//-/_}
  printf '%s=%s\n%s_CLOSURE=%s\n' "$variable" "$path" "$variable" "$STATE/$name.closure"
done >"$STATE/paths"
# Last, so that an interrupted run is not taken for a finished one.
echo "$recipe_key" >"$STATE/recipe"
print_paths
