#!/usr/bin/env bash
# deps.sh run|npm|test|clients|vm|bench|lint|release|release-arm64: makes sure that what a make target needs is
# installed. Says in one line what it installs and why, and nothing at all
# when everything is there.
#
# On Debian and Ubuntu it installs packages itself, as root or through sudo.
# Elsewhere, and without either, it names the packages and the command, and
# fails. Go is never installed, only looked for.
set -euo pipefail
ME=deps
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# static_library NAME: gcc would find libNAME.a.
static_library() { [ -e "$(gcc -print-file-name="lib$1.a" 2>/dev/null)" ]; }

missing=()
# need PACKAGE PROBE...: PACKAGE is missing unless the probe succeeds. What
# counts is the program, not the package: it may come from elsewhere.
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}

# system CMD: with the programs of every user, not those in the caller's home
# (rustup, pyenv): the tests see no others.
system() { env PATH=/usr/local/bin:/usr/bin:/bin "$@"; }

needs_of_build() {
  need gcc command -v gcc
  need libc6-dev static_library c
  # A C library whose programs start sooner (lib.sh); others do as well.
  if command -v apt-get >/dev/null 2>&1 && [ "$(uname -m)" = x86_64 ]; then need musl-tools command -v musl-gcc; fi
  # runc's seccomp support; the package holds the static library too.
  need libseccomp-dev static_library seccomp
  need pkg-config command -v pkg-config
  need make command -v make
  need git command -v git
}

# What the test store and the users of it need.
needs_of_store() {
  need nix-bin command -v nix-store
  need patchelf command -v patchelf
  need perl command -v perl
  need npm command -v npm
  need iproute2 command -v ip
  need util-linux command -v setpriv
  need passwd command -v useradd
}

case ${1:-} in
  run)
    why="to build jailed-claude"
    needs_of_build
    ;;
  npm)
    why="to fetch Claude Code"
    need npm command -v npm
    ;;
  test)
    why="to build and test jailed-claude"
    needs_of_build
    needs_of_store
    need runc command -v runc
    need crun command -v crun
    # What Pods are played by, as an ordinary user.
    need podman command -v podman
    need uidmap command -v newuidmap
    need catatonit command -v catatonit
    need tmux command -v tmux
    need strace command -v strace
    # What an agent makes a sandbox of its own with.
    need bubblewrap command -v bwrap
    need socat command -v socat
    need procps command -v ps
    # What shows a user that an agent waits.
    need dbus-daemon command -v dbus-daemon
    need libnotify-bin command -v notify-send
    need git-lfs command -v git-lfs
    # What a jail's network is tried with.
    need curl command -v curl
    need openssh-client command -v ssh
    need tinyproxy command -v tinyproxy
    need openssh-server test -x /usr/sbin/sshd
    need netcat-openbsd command -v nc
    need awscli test -x /usr/bin/aws
    need python3-pip command -v pip3
    # What a layer is tried on and over.
    need xfsprogs env PATH="$PATH:/usr/sbin:/sbin" mkfs.xfs -V
    need btrfs-progs env PATH="$PATH:/usr/sbin:/sbin" mkfs.btrfs --version
    # What is built in a jail, beside C, Go and Node.js.
    need python3-venv system python3 -m ensurepip --version
    need cargo system cargo --version
    # What starts the real codex.
    need nodejs system node --version
    # What a desktop is tried with.
    need xclip command -v xclip
    need xvfb command -v Xvfb
    need xauth command -v xauth
    need x11-utils command -v xdpyinfo
    # Whose other half is in /etc.
    need php-cli command -v php
    ;;
  clients)
    why="to try what programs do with keys that stay outside"
    needs_of_build
    needs_of_store
    need curl command -v curl
    need python3-pip command -v pip3
    need cargo system cargo --version
    need php-cli command -v php
    need ruby system ruby --version
    need gh command -v gh
    need skopeo command -v skopeo
    need default-jdk-headless command -v javac
    need chromium command -v chromium
    need firefox-esr command -v firefox-esr
    need runc command -v runc
    need crun command -v crun
    ;;
  vm)
    why="to test limits in a virtual machine"
    needs_of_build
    needs_of_store
    need qemu-system-x86 command -v qemu-system-x86_64
    need debootstrap command -v debootstrap
    need e2fsprogs command -v mkfs.ext4
    ;;
  bench)
    why="to compare jailed-claude with other runtimes"
    needs_of_build
    needs_of_store
    need bubblewrap command -v bwrap
    need runc command -v runc
    need crun command -v crun
    need passt command -v pasta
    need mitmproxy command -v mitmdump
    # Of sandbox-runtime, with bubblewrap.
    need socat command -v socat
    need ripgrep command -v rg
    ;;
  lint)
    why="to check the sources"
    needs_of_build
    need shellcheck command -v shellcheck
    ;;
  release)
    why="to build a release"
    needs_of_build
    need binutils command -v readelf
    need gzip command -v gzip
    ;;
  release-arm64)
    why="to build a release for arm64"
    needs_of_build
    need gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
    ;;
  *) die "usage: deps.sh run|npm|test|clients|vm|bench|lint|release|release-arm64" ;;
esac

# The Go that go.mod asks for. Any Go since 1.21 fetches a newer one by itself
# unless it was told not to.
check_go() {
  local go want have
  want=$(awk '$1 == "go" { print $2 }' "$REPO/go.mod")
  go=$(go_program) || die "Go $want or newer is needed (https://go.dev/dl): unpack it to /usr/local/go or put it on PATH"
  have=$(cd / && GOTOOLCHAIN=local GOFLAGS='' "$go" env GOVERSION)
  have=${have#go}
  have=${have%% *}
  newest=$(printf '%s\n' "$want" "$have" | sort -V | tail -n1)
  if [ "$newest" = "$have" ]; then return; fi
  if [ "${GOTOOLCHAIN:-auto}" != local ] && [ "$(printf '%s\n' 1.21 "$have" | sort -V | head -n1)" = 1.21 ]; then return; fi
  die "Go $want or newer is needed, $go is $have (https://go.dev/dl)"
}
[ "${1:-}" = npm ] || check_go

[ "${#missing[@]}" -gt 0 ] || exit 0

install=(apt-get install -y --no-install-recommends "${missing[@]}")
by_hand() {
  say "missing $why: ${missing[*]}"
  say "$1; on Debian or Ubuntu, as root: apt-get update && ${install[*]}"
  exit 1
}
command -v apt-get >/dev/null 2>&1 || by_hand "there is no apt-get here, so install what your system calls them"
as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null 2>&1 || by_hand "not root, and there is no sudo"
  if sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  elif [ -t 0 ] && [ -t 2 ]; then
    as_root=(sudo) # it asks for the password
  else
    by_hand "not root, and sudo wants a password but there is no terminal"
  fi
fi

say "installing ${missing[*]} $why"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" -q -o DPkg::Lock::Timeout=300 </dev/null >"$log" 2>&1; }
have_lists() { compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; }
have_lists || apt apt-get update || true # the next line says what is wrong
if ! apt "${install[@]}"; then
  # Stale lists name versions that are gone: the usual reason.
  apt apt-get update || true
  if ! apt "${install[@]}"; then
    tail -n 15 "$log" >&2
    die "could not be installed: ${missing[*]}"
  fi
fi
