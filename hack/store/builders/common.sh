# common.sh: what the builders share. Sourced by Nix builders, which run
# without a sandbox and with the host's /usr/bin, as root.
# shellcheck shell=sh disable=SC2154
set -eu
export PATH=/usr/bin:/bin LC_ALL=C
umask 022

# The archive is named by path, not copied into the store: a derivation is
# tied to its contents by the hash alone, so it has to be checked here.
echo "$srcHash  $src" | sha256sum --check --quiet -

is_elf() { [ "$(head -c 4 "$1" | tr -d '\0')" = "$(printf '\177ELF')" ]; }

# relocate FILE LIBDIR... gives an ELF file the interpreter of $glibc and a
# RUNPATH of exactly those folders that hold a library it needs: Nix finds
# references by scanning, so an unused folder would bloat the closure. A
# library that is nowhere fails the build rather than the jail.
relocate() {
  elf=$1
  shift
  needed=$(patchelf --print-needed "$elf" 2>/dev/null) || return 0 # static
  runpath=
  for lib in $needed; do
    found=
    for dir in "$@"; do
      if [ -e "$dir/$lib" ]; then found=$dir; break; fi
    done
    if [ -z "$found" ]; then
      echo "no $lib, which $elf needs, in: $*" >&2
      return 1
    fi
    case ":$runpath:" in *":$found:"*) ;; *) runpath=$runpath${runpath:+:}$found ;; esac
  done
  chmod u+w "$elf"
  # glibc itself is built with glibc="": it has no interpreter to be given.
  if [ -n "${glibc:-}" ] && patchelf --print-interpreter "$elf" >/dev/null 2>&1; then
    patchelf --set-interpreter "$glibc/lib/ld-linux-x86-64.so.2" "$elf"
  fi
  if [ -n "$runpath" ]; then patchelf --set-rpath "$runpath" "$elf"; fi
}
