#!/usr/bin/env bash
# `git add` of content that some pack already holds writes no object. It refreshes the modification
# time of that pack instead (so that a concurrent gc keeps it). On overlayfs any change of metadata
# copies the whole file: adding one copy of an old file puts the entire pack into the upper layer.
# The more history a project has, the more an agent's small edit costs. `git revert` does the same.
#
# Matters for: layers over a git project, container images with a clone in a lower layer.
# Seen: Linux 6.18, git 2.39.5 (Debian 12), 2026-11-29. Needs: git, user namespaces, 200 MB of disk.
set -euo pipefail

if [ -z "${IN_NAMESPACE:-}" ]; then exec env IN_NAMESPACE=1 unshare --user --map-root-user --mount bash "$0"; fi
fail() { echo "overlay-git-pack: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d "${TMPDIR:-/var/tmp}/finding.XXXXXX")
trap 'cd /; umount "$tmp/merged" 2>/dev/null || true; rm -rf "$tmp"' EXIT
cd "$tmp"
export LC_ALL=C HOME=$tmp GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
uname -sr
git --version

git init -q lower
head -c 48M /dev/urandom >lower/big
echo small >lower/small
git -C lower add .
git -C lower -c user.name=a -c user.email=a@example.com commit -q -m first
git -C lower repack -q -a -d
# git leaves a modification time alone that is of this second.
touch -d '1 hour ago' lower/.git/objects/pack/*
pack=$(stat -c %s lower/.git/objects/pack/*.pack)

in_upper() { # in_upper COMMAND: bytes in the upper layer after COMMAND in a fresh layer
  rm -rf upper work
  mkdir -p upper work merged
  mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work,userxattr merged
  (cd merged && eval "$1") >&2
  umount merged
  find upper -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'
}

new=$(in_upper 'echo something new >copy; git add copy')
old=$(in_upper 'cp small copy; git add copy')
echo "pack below: $pack bytes"
echo "git add of 14 new bytes:          $new bytes in the upper layer"
echo "git add of 6 bytes that it knows: $old bytes in the upper layer"
[ "$new" -lt 100000 ] || fail "new content costs $new bytes"
[ "$old" -ge "$pack" ] || fail "known content does not copy the pack"
