#!/usr/bin/env bash
# On an overlay mounted in a user namespace, rename(2) of a folder that exists in the lower layer
# answers EXDEV. `mv` hides it by copying the folder, so nobody notices in a shell; programs that
# only rename do not: `git mv DIR` ends with 128. Renaming a file works, and so does a folder made
# in the layer. `redirect_dir=on`, the cure for root, is refused together with `userxattr`.
#
# Matters for: agents and build tools in a writable layer over a project.
# Seen: Linux 6.18, git 2.39.5, coreutils 9.1 (Debian 12), 2026-11-29. Needs: git, user namespaces.
set -euo pipefail

if [ -z "${IN_NAMESPACE:-}" ]; then exec env IN_NAMESPACE=1 unshare --user --map-root-user --mount bash "$0"; fi
fail() { echo "overlay-folder-rename: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d "${TMPDIR:-/var/tmp}/finding.XXXXXX")
trap 'cd /; umount "$tmp/merged" 2>/dev/null || true; rm -rf "$tmp"' EXIT
cd "$tmp"
export LC_ALL=C HOME=$tmp GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
uname -sr
git --version

mkdir -p lower upper work merged
git init -q lower
mkdir lower/dir lower/other
echo a >lower/dir/file
echo b >lower/other/file
git -C lower add .
git -C lower -c user.name=a -c user.email=a@example.com commit -q -m first

options=lowerdir=lower,upperdir=upper,workdir=work,userxattr
if mount -t overlay overlay -o "$options,redirect_dir=on" merged 2>/dev/null; then
  fail "redirect_dir=on is accepted"
fi
echo "redirect_dir=on with userxattr: refused"
mount -t overlay overlay -o "$options" merged

status=0
message=$(git -C merged mv dir moved 2>&1) || status=$?
echo "git mv of a lower folder: status $status: $message"
[ "$status" = 128 ] || fail "git mv ends with $status"
[[ $message == *"Invalid cross-device link"* ]] || fail "not EXDEV"

before=$(stat -c %i merged/other/file)
mv merged/other merged/moved || fail "mv does not fall back to a copy"
after=$(stat -c %i merged/moved/file)
echo "mv of a lower folder: status 0, inode of the file in it $before -> $after (a copy)"
[ "$before" != "$after" ] || fail "mv renamed, it did not copy"

git -C merged mv dir/file dir/renamed || fail "git mv of a lower file fails"
mkdir merged/made
perl -e 'rename "merged/made", "merged/made2" or die' ||
  fail "a folder of the upper layer cannot be renamed"
echo "git mv of a lower file, rename of a new folder: work"
umount merged
