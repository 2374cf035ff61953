#!/usr/bin/env bash
# run.sh [FLAGS] [-- AGENT-ARGS]: what `make run` does once the binary is
# built: `jailed-claude run` in the current folder, with a Claude Code from
# wherever one is to be had. In this order:
#   1. what the caller or the user's policy names; `claude` on PATH
#   2. the test store of hack/store, where it is up
#   3. Nix: nixpkgs#claude-code
#   4. npm's native package, in a cache of the user's
#
#   CLAUDE_VERSION=V   another version of 4
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=jailed-claude
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

jail=$REPO/bin/jailed-claude
[ -x "$jail" ] || die "there is no $jail: run make build"

# named: the flags, or the user's policy, say which agent to run.
named() {
  local arg config=${XDG_CONFIG_HOME:-$HOME/.config}/jailed-claude/config.toml
  for arg; do
    case $arg in
      --) break ;;
      --package | --package=* | --closure | --closure=* | --policy | --policy=* | -h | --help) return 0 ;;
    esac
  done
  [ -r "$config" ] && grep -q '^[[:space:]]*package[[:space:]]*=' "$config"
}

if named "$@" || command -v claude >/dev/null 2>&1; then
  exec "$jail" run "$@"
fi

store=/nix/var/jailed-claude
if [ -r "$store/recipe" ] && paths=$("$HACK/store/up.sh" 2>/dev/null </dev/null); then
  package=$(sed -n 's/^CLAUDE=//p' <<<"$paths")
  say "running $package of the test store"
  exec "$jail" run --package "$package" --closure "$store/claude.closure" "$@"
fi

case $(uname -m) in
  x86_64) platform=linux-x64 ;;
  aarch64) platform=linux-arm64 ;;
  *) die "there is no Claude Code for $(uname -m)" ;;
esac
# Alpine and its like: musl's loader and no glibc beside it.
if compgen -G '/lib/ld-musl-*' >/dev/null && ! compgen -G '/lib*/ld-linux-*' >/dev/null; then
  platform=$platform-musl
fi
version=${CLAUDE_VERSION:-$CLAUDE_VERSION_PINNED}
[[ $version =~ ^[0-9][0-9A-Za-z.+-]*$ ]] || die "CLAUDE_VERSION=$version is not a version"
package=@anthropic-ai/claude-code-$platform
folder=${XDG_CACHE_HOME:-$HOME/.cache}/jailed-claude/claude/$version
claude=$folder/claude

# nix_claude prints the store path of nixpkgs' Claude Code, whose licence is
# not open and so has to be allowed. One attempt: who is offline gets on with
# the next way soon. --json, for --print-out-paths is younger than Nix 2.8.
nix_claude() {
  NIXPKGS_ALLOW_UNFREE=1 nix --extra-experimental-features 'nix-command flakes' \
    --option connect-timeout 5 --option download-attempts 1 \
    build --impure --no-link --json nixpkgs#claude-code 2>"$log" </dev/null |
    grep -o '"out": *"/nix/store/[^"]*"' | cut -d'"' -f4
}
# A cached program means that Nix had none the last time: do not ask again.
if [ ! -x "$claude" ] && command -v nix >/dev/null 2>&1 && [ -d /nix/store ]; then
  log=$(mktemp)
  say "building nixpkgs#claude-code"
  if path=$(nix_claude); then
    rm -f "$log"
    exec "$jail" run --package "$(head -n1 <<<"$path")" "$@"
  fi
  say "Nix has no Claude Code here ($(grep -m1 'error:' "$log" || tail -n1 "$log")), trying npm"
  rm -f "$log"
fi

if [ ! -x "$claude" ]; then
  "$HACK/deps.sh" npm
  say "fetching $package $version from npm into $folder"
  mkdir -p "$(dirname "$folder")"
  # Beside its final place, so that the rename is one step: who is
  # interrupted, or runs twice at once, never leaves half a program.
  new=$(mktemp -d "$(dirname "$folder")/.new.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  if ! npm_fetch "$package" "$version" "$new/package.tgz"; then
    die "Claude Code could not be fetched; install it, or name one with ARGS='--package …'"
  fi
  if [ -z "$(npm_pinned "$package" "$version")" ]; then
    say "$version is not the pinned version: its checksum is npm's word alone"
  fi
  tar -xzf "$new/package.tgz" -C "$new" --no-same-owner --strip-components=1 package/claude
  rm "$new/package.tgz"
  chmod 0755 "$new" "$new/claude"
  # Another run may have been quicker: then its copy stays.
  mv -T "$new" "$folder" 2>/dev/null || [ -x "$claude" ] || die "cannot move Claude Code to $folder"
fi
# exec would skip the trap.
rm -rf "${new:-}"
exec "$jail" run --package "$claude" "$@"
