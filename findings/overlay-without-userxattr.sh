#!/usr/bin/env bash
# In a user namespace overlayfs mounts without the option `userxattr`, and seems to work: files are
# changed, added and removed. But the mark that hides a lower folder cannot be written (it is a
# trusted.* attribute), so removing a folder that lies below answers EIO, minutes or hours later.
# A successful mount is no test of the options; read them back from /proc/self/mountinfo.
#
# Matters for: rootless OCI runtimes, sandboxes that put a writable layer over a project.
# Seen: Linux 6.18, Debian 12 (util-linux 2.38.1), 2026-11-29. Needs: user namespaces (5.11 or newer).
set -euo pipefail

if [ -z "${IN_NAMESPACE:-}" ]; then exec env IN_NAMESPACE=1 unshare --user --map-root-user --mount bash "$0"; fi
fail() { echo "overlay-without-userxattr: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d "${TMPDIR:-/var/tmp}/finding.XXXXXX")
trap 'cd /; umount "$tmp/merged" 2>/dev/null || true; rm -rf "$tmp"' EXIT
cd "$tmp"
uname -sr
mount --version

layer() { # layer [OPTION]: a fresh layer over a folder that holds dir/file
  rm -rf lower upper work
  mkdir -p lower/dir upper work merged
  echo below >lower/dir/file
  mount -t overlay overlay -o "lowerdir=lower,upperdir=upper,workdir=work${1:-}" merged
  echo "mounted with: $(awk -v m="$PWD/merged" '$5 == m { print $NF }' /proc/self/mountinfo)"
}

layer
echo more >>merged/dir/file || fail "cannot append without userxattr"
echo new >merged/new || fail "cannot create a file without userxattr"
if message=$(LC_ALL=C rm -r merged/dir 2>&1); then fail "rm -r of a lower folder works without userxattr"; fi
echo "without userxattr: $message"
[[ $message == *"Input/output error"* ]] || fail "not EIO"
if [ ! -d merged/dir ] || [ -e merged/dir/file ]; then fail "the folder is not left behind, empty"; fi
umount merged

layer ,userxattr
rm -r merged/dir || fail "rm -r of a lower folder fails with userxattr too"
[ ! -e merged/dir ] || fail "the folder is still there"
echo "with userxattr:    rm -r works"
umount merged
