#!/usr/bin/env bash
# A bind mount of a single file lasts only until somebody replaces that file outside. rename(2)
# answers EBUSY for a mount point of the caller's own mount namespace only; in every other
# namespace the mount is detached without a word (since Linux 3.18). So an editor on the
# host that saves by rename removes the mount in a running container: programs in it
# then see the file that was covered. Writing in place keeps the mount.
#
# Matters for: OCI runtimes, sandboxes that cover or pin single files of a shared folder.
# Seen: Linux 6.18, util-linux 2.38.1 (Debian 12), 2026-11-29. Needs: user namespaces.
set -euo pipefail

if [ -z "${IN_NAMESPACE:-}" ]; then exec env IN_NAMESPACE=1 unshare --user --map-root-user --mount bash "$0"; fi
fail() { echo "bind-mount-lost-by-rename: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d "${TMPDIR:-/var/tmp}/finding.XXXXXX")
inner=
trap 'cd /; [ -z "$inner" ] || kill "$inner" 2>/dev/null || true; rm -rf "$tmp"' EXIT
cd "$tmp"
uname -sr
echo "of the host" >settings
echo "of the container" >cover

# The container: a mount namespace of its own, with `cover` over `settings`.
unshare --mount sh -c 'mount --bind cover settings; touch ready; exec sleep 60' &
inner=$!
until [ -e ready ]; do sleep 0.05; done
look() { nsenter --target "$inner" --mount cat "$tmp/settings"; }
mounts() { grep -c " $tmp/settings " "/proc/$inner/mountinfo" || true; }

echo "in place, the host writes" >settings
echo "host wrote in place: container sees '$(look)', mounts: $(mounts)"
if [ "$(look)" != "of the container" ] || [ "$(mounts)" != 1 ]; then fail "writing in place loses it"; fi

echo "of the host, new" >settings.tmp
mv settings.tmp settings || fail "rename over a mount point of another namespace is refused"
echo "host renamed over it: container sees '$(look)', mounts: $(mounts)"
if [ "$(look)" != "of the host, new" ] || [ "$(mounts)" != 0 ]; then fail "the mount is still there"; fi

mount --bind cover settings
if mv cover settings 2>/dev/null; then fail "a mount point of the own namespace can be replaced"; fi
echo "the same rename in the namespace of the mount: refused"
umount settings
