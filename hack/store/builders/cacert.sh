#!/bin/sh
# cacert.sh: Debian's certificates as one bundle, where nixpkgs' cacert has it.
# shellcheck disable=SC2154,SC1090 # variables are the derivation's attributes
. "$common"

dpkg-deb -x "$src" unpacked
mkdir -p "$out/etc/ssl/certs"
cat unpacked/usr/share/ca-certificates/mozilla/*.crt >"$out/etc/ssl/certs/ca-bundle.crt"
