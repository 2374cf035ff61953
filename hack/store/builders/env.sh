#!/bin/sh
# env.sh: one store path whose bin/ links to those of $paths (what a devShell
# or buildEnv would be); of two programs of one name the first wins.
# shellcheck disable=SC2154 # variables are the derivation's attributes
set -eu
export PATH=/usr/bin:/bin

mkdir -p "$out/bin"
for path in $paths; do
  for program in "$path"/bin/*; do
    [ -e "$out/bin/${program##*/}" ] || ln -s "$program" "$out/bin/"
  done
done
