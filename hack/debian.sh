# debian.sh: a Debian in a folder, for what is tried in a system of its own. Sourced
# after lib.sh, by root.
# shellcheck shell=bash

DEBIAN_SUITE=bookworm

# debian_mirror prints the mirror that this machine's own apt uses, or nothing.
debian_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
    awk '$1 == "URIs:" || $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ "/debian/?$" && !found++) print $i }' || true
}

# debian_made DIR LOG PACKAGE...: debootstrap's smallest system and PACKAGES.
debian_made() {
  local dir=$1 log=$2 mirror
  shift 2
  command -v debootstrap >/dev/null || die "debootstrap is not installed"
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || die "no Debian mirror in apt's sources"
  debootstrap --variant=minbase --include="$(IFS=,; echo "$*")" "$DEBIAN_SUITE" "$dir" "$mirror" >"$log" 2>&1 ||
    { tail -n 3 "$log" >&2; die "debootstrap failed; whole log: $log"; }
}

# debian_fresh DIR unpacks one with what a stranger has; made once.
debian_fresh() {
  local base new
  base=$(cache_root)/fresh-$DEBIAN_SUITE.tar
  if [ ! -s "$base" ]; then
    say "debootstrap $DEBIAN_SUITE, once"
    mkdir -p "$(dirname "$base")"
    new=$(mktemp -d /var/tmp/jcf.XXXXXX)
    (
      trap 'remove_system "$new"' EXIT
      debian_made "$new" "$base.log" git make curl ca-certificates
      rm -rf "$new"/var/cache/apt/archives/*.deb "$new"/var/lib/apt/lists/*
      tar --create --file "$base.new" --directory "$new" .
      mv "$base.new" "$base"
    )
  fi
  tar --extract --file "$base" --directory "$1"
  chmod 0755 "$1" # the archive has the mode of a temporary folder
}

# in_system DIR NAMESPACE... -- COMMAND...: COMMAND in it, as PID 1 of new namespaces,
# which are flags of unshare(1). By pivot_root and not chroot: the kernel refuses user
# namespaces in a chroot.
in_system() {
  local root=$1 namespaces=()
  shift
  while [ "$1" != -- ]; do
    namespaces+=("$1")
    shift
  done
  shift
  # shellcheck disable=SC2016
  unshare "${namespaces[@]}" --fork --kill-child -- bash -euc '
    root=$1
    shift
    mount --rbind "$root" "$root"
    cd "$root"
    mount -t proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    mount -t tmpfs -o mode=1777 tmpfs tmp
    mount -t tmpfs -o mode=0755 tmpfs run
    mkdir -p .old
    pivot_root . .old
    umount --lazy .old
    rmdir .old
    exec "$@"' _ "$root" "$@"
}

# remove_system DIR removes a system that debootstrap made, or began to make: an
# interrupted one has /proc and /sys mounted there, and those are this machine's.
remove_system() {
  local place
  awk -v dir="$1/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | while IFS= read -r place; do umount "$place"; done
  rm -rf --one-file-system "$1"
}

# network_as_here DIR has a Debian in a folder reach the network as this machine
# does. Of apt's sources it gets only Debian's own: a stranger has no others.
network_as_here() {
  local root=$1 file
  for file in resolv.conf hosts ssl/certs/ca-certificates.crt; do
    if [ -e "/etc/$file" ]; then cp --dereference "/etc/$file" "$root/etc/$file"; fi
  done
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    if [ -s "$file" ]; then
      rm -f "$root/etc/apt/sources.list"
      cp "$file" "$root/etc/apt/${file#/etc/apt/}"
    fi
  done
  apt-config dump | grep -E '^Acquire::(Check|http|https|Retries|ForceIPv)' >"$root/etc/apt/apt.conf.d/90machine" || true
}
