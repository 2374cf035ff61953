#!/usr/bin/env bash
# newer.sh: check.sh with the Nix of a later Debian release, which it installs
# into a folder of its own (cache, 400 MB). It evaluates with a store of its own
# there, and tries the untrusted door that docs/nix.md describes with the Nix
# daemon of the test store.
#
#   JAIL_NEWER_SUITE=trixie   another release
#
# By hand, and in CI where there is time: it needs root, debootstrap and a
# Debian mirror. Exit status 77 and the reason without.
set -euo pipefail
ME=newer-nix
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../debian.sh
. "$HACK/debian.sh"

[ "$(id -u)" = 0 ] || skip "needs root"
command -v debootstrap >/dev/null 2>&1 || skip "debootstrap is not installed"
suite=${JAIL_NEWER_SUITE:-trixie}
root=$(cache_root)/nix/$suite

if [ ! -d "$root" ]; then
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || skip "no Debian mirror in apt's sources"
  say "debootstrap $suite, once"
  remove_system "$root.new"
  mkdir -p "$(dirname "$root")"
  # debootstrap does not know that a package can be provided by another, so
  # apt installs Nix.
  # shellcheck disable=SC2016 # the inner shell's variables
  install='mount -t proc proc /proc
    trap "umount /proc" EXIT
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends nix-bin'
  if ! { debootstrap --variant=minbase "$suite" "$root.new" "$mirror" && cp --dereference /etc/resolv.conf "$root.new/etc/resolv.conf" &&
    chroot "$root.new" sh -ec "$install"; } >"$root.log" 2>&1; then
    tail -n 3 "$root.log" >&2
    skip "$suite cannot be installed; whole log: $root.log"
  fi
  rm -rf "$root.new"/var/cache/apt/archives/*.deb
  mv "$root.new" "$root"
fi

# The other system gets the sources, and everything that the checks want.
work=$(mktemp -d /var/tmp/jcv.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/src"
(cd "$REPO" && git -c safe.directory='*' ls-files --cached --others --exclude-standard --deduplicate -z |
  while IFS= read -r -d '' f; do if [ -e "$f" ]; then printf '%s\0' "$f"; fi; done |
  tar --null --files-from=- --create --file=-) | tar --extract --no-same-owner --directory="$work/src" --file=-

# inside SCRIPT: in the other system, whose mounts end with it.
# shellcheck disable=SC2016 # the inner shells' variables
inside() {
  timeout 600 unshare --mount --pid --fork -- sh -ec '
    mount -t proc proc "$1/proc"; mount --bind /dev "$1/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"; mount -t tmpfs -o mode=1777 tmpfs "$1/var/tmp"
    mkdir -p "$1/nix" "$1/tmp/src" "$1/tmp/socket"; mount --bind "$2/src" "$1/tmp/src"
    if [ -d /nix/var/nix/daemon-socket ]; then mount --bind /nix/var/nix/daemon-socket "$1/tmp/socket"; fi
    exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp bash -c "$3"' sh "$root" "$work" "$1" </dev/null
}

say "$(inside 'nix --version')"
inside 'cd /tmp/src && JAIL_NIX=/usr/bin hack/nix/check.sh' || die "the flake does not evaluate with it"

# The door. NIX_REMOTE=daemon would lead to the door itself, which would answer
# by asking itself, and so on.
"$HACK/store/daemon.sh" start || skip "the flake evaluates; there is no daemon to try a door with"
# shellcheck disable=SC2016 # the inner shell's variables
answer=$(inside 'export NIX_USER_CONF_FILES=/dev/null
  nix="nix --extra-experimental-features nix-command --extra-experimental-features daemon-trust-override"
  NIX_REMOTE=unix:///tmp/socket/socket NIX_DAEMON_SOCKET_PATH=/tmp/door timeout 30 $nix daemon --force-untrusted >/dev/null 2>&1 &
  for i in $(seq 200); do if [ -S /tmp/door ]; then break; fi; sleep 0.05; done
  $nix store info --json --store unix:///tmp/door; kill %1')
[[ $answer =~ \"trusted\":(0|false) ]] || die "the door does not say that it trusts nobody: $answer"
say "an untrusted door says so"
