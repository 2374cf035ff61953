#!/bin/sh
# deb.sh: one Debian package becomes one store path that runs with nothing
# but /nix/store.
#   $common  common.sh             $glibc  store path of glibc, "" for itself
#   $src     the .deb              $deps   store paths whose lib/ it may use
#   $shell   store path of bash, or "" to leave scripts as they are
#   $keep    extended regular expression of the files to keep, or "" for all
#   $finish  shell run in $out at the end
# shellcheck disable=SC2154,SC1090,SC2164 # variables are the derivation's attributes; -e is set in common.sh
. "$common"

unpacked=$PWD/unpacked
dpkg-deb -x "$src" "$unpacked"
mkdir -p "$out"

# /, /usr and the multiarch folders become one tree: bin, lib, libexec, share.
while read -r from to; do
  if [ ! -d "$unpacked/$from" ] || [ -L "$unpacked/$from" ]; then continue; fi
  mkdir -p "$out/$to"
  cp -a "$unpacked/$from/." "$out/$to/"
  rm -rf "${unpacked:?}/$from"
done <<'TREE'
lib/x86_64-linux-gnu lib
usr/lib/x86_64-linux-gnu lib
lib lib
usr/lib lib
usr/libexec libexec
bin bin
usr/bin bin
sbin bin
usr/sbin bin
usr/share share
etc etc
TREE
for dir in doc man info locale lintian bash-completion bug gdb menu; do rm -rf "$out/share/$dir"; done
rm -rf "$out/lib/systemd"

if [ -n "$keep" ]; then
  (cd "$out" && find . ! -type d -printf '%P\n') | grep -Ev "$keep" |
    while read -r file; do rm -f "$out/$file"; done
fi
find "$out" -mindepth 1 -depth -type d -empty -delete

# A link that was absolute, or that climbed between / and /usr, leads nowhere
# now: point it at the file of that name in this tree, or drop it.
find "$out" -type l | while read -r link; do
  target=$(readlink "$link")
  case $target in
    /*) ;;
    *) if [ -e "$link" ]; then continue; fi ;;
  esac
  rm -f "$link"
  for dir in "$(dirname "$link")" "$out/lib" "$out/bin"; do
    if [ -f "$dir/${target##*/}" ] && [ ! -L "$dir/${target##*/}" ]; then
      ln -s "$dir/${target##*/}" "$link"
      break
    fi
  done
done

if [ -n "$shell" ]; then
  for dir in bin lib libexec; do
    [ -d "$out/$dir" ] || continue
    find "$out/$dir" -type f | while read -r file; do
      if [ "$(head -c 2 "$file" | tr -d '\0')" = '#!' ]; then
        sed -i "1s,^#! */bin/\(ba\)\{0\,1\}sh,#!$shell/bin/\1sh," "$file"
      fi
    done
  done
fi

dirs=$out/lib
for dep in $deps $glibc; do dirs="$dirs $dep/lib"; done
find "$out" -type f >files
while read -r file; do
  case $file in
    # The dynamic linker and libc are one piece that patchelf must not touch.
    */ld-linux-x86-64.so.2 | */libc.so.6 | *.o | *.a) continue ;;
  esac
  is_elf "$file" || continue
  # shellcheck disable=SC2086 # a list of folders without blanks
  relocate "$file" $dirs
done <files

if [ -n "$finish" ]; then
  cd "$out"
  eval "$finish"
fi
chmod -R ug-s "$out"
