#!/usr/bin/env bash
# check.sh [NAME...]: the toolchains of docs/toolchains.md in a jail, in a Debian
# that is made for it: debootstrap, once, with their packages (some 5 GB in the
# cache folder, half an hour). NAME is the first word of a line of the table.
#
# It needs root, debootstrap and the network of this machine, whose apt
# configuration is used. JAILED=FILE tries another build.
set -euo pipefail
ME=toolchains
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

[ "$(id -u)" = 0 ] || die "needs root"
command -v debootstrap >/dev/null || die "debootstrap is not installed"
suite=bookworm
root=$(cache_root)/toolchains-$suite
jailed=${JAILED:-$REPO/bin/jailed-claude}
[ -x "$jailed" ] || die "$jailed: make build"

packages=(
  gcc g++ gdb make cmake clang gfortran gnat python3 python3-venv python3-pip nodejs npm php-cli php-xml php-mbstring composer ruby bundler perl
  libfile-mimeinfo-perl openjdk-17-jdk-headless maven ant gradle golang-go cargo rustc ghc ocaml-nox erlang-base elixir r-base-core lua5.4 tcl guile-3.0
  mono-mcs fp-compiler sbcl swi-prolog-nox nim ldc emacs-nox vim-nox imagemagick fontconfig fonts-dejavu-core graphviz ghostscript texlive-latex-base
  pandoc postgresql-client mariadb-client sqlite3 ffmpeg chromium netbase media-types tzdata
)

if [ ! -e "$root.done" ]; then
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    awk '$1 == "URIs:" || $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ "/debian/?$" && !found++) print $i }') || true
  [ -n "$mirror" ] || die "no Debian mirror in apt's sources"
  say "debootstrap $suite and ${#packages[@]} packages, once; log: $root.log"
  [ ! -e "$root" ] || remove_system "$root"
  mkdir -p "$root"
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror" >"$root.log" 2>&1 || die "debootstrap failed: $root.log"
  network_as_here "$root"
  # shellcheck disable=SC2016
  unshare --mount -- bash -c 'mount --rbind /proc "$1/proc"; mount --rbind /dev "$1/dev"; cd /; exec chroot "$@"' _ "$root" \
    env DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 sh -c 'apt-get -q update && exec apt-get -q install -y --no-install-recommends "$@"' _ "${packages[@]}" \
    </dev/null >>"$root.log" 2>&1 || die "packages could not be installed: $root.log"
  rm -rf "$root"/var/cache/apt/archives/*.deb
  chroot "$root" useradd --create-home --shell /bin/bash worker
  touch "$root.done"
fi

install -m 0755 "$jailed" "$root/usr/local/bin/jailed-claude"
install -m 0755 "$HACK/toolchains/table.sh" "$root/srv/table"
# pivot_root and not chroot: the kernel refuses user namespaces in a chroot.
# shellcheck disable=SC2016
exec env -i LANG=C.UTF-8 TERM=dumb PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
  unshare --mount --pid --ipc --uts --net --fork --kill-child -- bash -euc '
  root=$1; shift
  mount --bind "$root" "$root"
  cd "$root"
  mount -t proc proc proc
  mount --rbind /sys sys
  mount --rbind /dev dev
  mount -t tmpfs -o mode=1777 tmpfs tmp
  mount -t tmpfs -o mode=0755 tmpfs run
  mkdir -p .old
  pivot_root . .old
  umount --lazy .old
  exec setpriv --reuid=worker --regid=worker --init-groups env HOME=/home/worker USER=worker LOGNAME=worker bash -c "cd && exec /srv/table \"\$@\"" _ "$@"
' _ "$root" "$@"
