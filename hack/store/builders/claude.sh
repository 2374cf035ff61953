#!/bin/sh
# claude.sh: the native binary of npm's claude-code package, with a wrapper
# that puts the tools it calls on PATH, as the package of nixpkgs has.
#   $fixVerdef  fix-verdef.pl      $path  folders for PATH, separated by ":"
# shellcheck disable=SC2154,SC1090 # variables are the derivation's attributes
. "$common"

mkdir -p "$out/bin" "$out/libexec"
tar -xzf "$src" -C "$out/libexec" --strip-components=1 package/claude
relocate "$out/libexec/claude" "$glibc/lib"
perl "$fixVerdef" "$out/libexec/claude"
chmod 555 "$out/libexec/claude"

# Folders of the caller's PATH win; those of the wrapper fill the gaps.
cat >"$out/bin/claude" <<WRAPPER
#!$shell/bin/bash
export DISABLE_AUTOUPDATER=1 DISABLE_INSTALLATION_CHECKS=1
export SHELL="\${SHELL:-$shell/bin/bash}"
export PATH="\${PATH:+\$PATH:}$path"
exec -a "\$0" "$out/libexec/claude" "\$@"
WRAPPER
chmod 555 "$out/bin/claude"

# A binary that patchelf broke must not become a store path.
mkdir home
HOME=$PWD/home "$out/libexec/claude" --version
