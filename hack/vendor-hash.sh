#!/usr/bin/env bash
# vendor-hash.sh [--check]: writes the hash of the Go modules that nixpkgs'
# buildGoModule fetches into spec/nix/package.nix; with --check it only says
# whether the one there is right. Run it when go.mod or an import has changed.
# Needs Go, Nix, and the modules (Go fetches what is not in its cache).
#
# The hash is of the vendor folder that `go mod vendor` makes of the sources
# that package.nix names: what no package of them imports is not in it.
set -euo pipefail
ME=vendor-hash
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

package=$REPO/spec/nix/package.nix
go=$(go_program) || die "Go is not installed"
command -v nix-hash >/dev/null 2>&1 || skip "Nix is not installed (apt-get install nix-bin)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mapfile -t sources < <(sed -n 's/^ *source = \[ \(.*\) \];$/\1/p' "$package" | tr -d '"' | tr ' ' '\n')
[ "${#sources[@]}" -gt 0 ] || die "$package has no line 'source = [ … ];'"
mkdir "$work/src"
cp -r "${sources[@]/#/$REPO/}" "$work/src/"
(cd "$work/src" && GOFLAGS='' "$go" mod vendor -o "$work/vendor" 2>"$work/log") ||
  { tail -n 5 "$work/log" >&2; die "go mod vendor failed"; }
# Nix would read the caller's configuration, which need not be a good one.
hash=$(NIX_USER_CONF_FILES=/dev/null nix-hash --type sha256 "$work/vendor" 2>/dev/null) || die "nix-hash fails on $work/vendor"
[[ $hash =~ ^[0-9a-f]{64}$ ]] || die "nix-hash gave no hash"
sri=sha256-$(printf '%s' "$hash" | sed 's/../\\x&/g' | xargs -0 printf | base64 -w0)

have=$(sed -n 's/^ *vendorHash = "\(.*\)";$/\1/p' "$package")
[ -n "$have" ] || die "$package has no line 'vendorHash = \"…\";'"
if [ "$have" = "$sri" ]; then exit; fi
if [ "${1:-}" = --check ]; then
  die "vendorHash in spec/nix/package.nix is $have, the modules have $sri: run hack/vendor-hash.sh"
fi
sed -i "s|^\( *vendorHash = \"\).*\(\";\)\$|\1$sri\2|" "$package"
say "vendorHash is now $sri"
