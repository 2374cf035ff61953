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
# shellcheck source-path=SCRIPTDIR source=../debian.sh
. "$HACK/debian.sh"

[ "$(id -u)" = 0 ] || die "needs root"
root=$(cache_root)/toolchains-$DEBIAN_SUITE
jailed=${JAILED:-$REPO/bin/jailed-claude}
[ -x "$jailed" ] || die "$jailed: make build"

packages=(
  gcc g++ gdb make cmake clang gfortran gnat python3 python3-venv python3-pip nodejs npm php-cli php-xml php-mbstring composer ruby bundler perl
  libfile-mimeinfo-perl openjdk-17-jdk-headless maven ant gradle golang-go cargo rustc ghc ocaml-nox erlang-base elixir r-base-core lua5.4 tcl guile-3.0
  mono-mcs fp-compiler sbcl swi-prolog-nox nim ldc emacs-nox vim-nox imagemagick fontconfig fonts-dejavu-core graphviz ghostscript texlive-latex-base
  pandoc postgresql-client mariadb-client sqlite3 ffmpeg chromium netbase media-types tzdata
)

if [ ! -e "$root.done" ]; then
  say "debootstrap $DEBIAN_SUITE and ${#packages[@]} packages, once; log: $root.log"
  [ ! -e "$root" ] || remove_system "$root"
  mkdir -p "$root"
  debian_made "$root" "$root.log" ca-certificates
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
in_system "$root" --mount --pid --ipc --uts --net -- \
  env -i LANG=C.UTF-8 TERM=dumb PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/home/worker USER=worker LOGNAME=worker \
  setpriv --reuid=worker --regid=worker --init-groups bash -c 'cd && exec /srv/table "$@"' _ "$@"
