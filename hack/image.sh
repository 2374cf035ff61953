#!/usr/bin/env bash
# The image of the test store under the real skopeo and podman: read, run,
# converted, and the same digest for two users. Needs root (it makes a user and
# a mount namespace with cgroup v2 alone, which crun asks for), and fetches
# skopeo, podman and crun from Debian. Not part of "make test".
set -euo pipefail
ME=image
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || die "needs root: sudo make check-image"
[ -z "${IMAGE_INSIDE:-}" ] || mount -t cgroup2 none /sys/fs/cgroup
if [ -z "${IMAGE_INSIDE:-}" ]; then
  for program in skopeo podman crun; do command -v "$program" >/dev/null || missing+=("$program"); done
  [ -z "${missing[*]:-}" ] || apt-get install -y --no-install-recommends "${missing[@]}" uidmap catatonit >/dev/null
  "$HACK/build.sh"
  IMAGE_INSIDE=1 exec unshare --mount --propagation private "$0"
fi

user=jailimage
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
work=$(mktemp -d -u /var/tmp/jci.XXXXXX | tr "[:upper:]" "[:lower:]") # podman takes a path for a name, without capital letters
mkdir "$work"
trap 'pkill -u "$user" || true; rm -rf "$work"' EXIT
install -m 0755 "$REPO/bin/jailed-claude" "$work/jailed-claude"
install -d -o "$user" "$work/user" "$work/user/run" "$work/user/project" "$work/user/home"
chmod 0755 "$work"
declare -A store
while IFS='=' read -r name value; do store[$name]=$value; done < <("$HACK/store/up.sh")
package=${store[DEVENV_NODE]} closure=${store[DEVENV_NODE_CLOSURE]}
as_user() { (cd "$work/user/project" && setpriv --reuid="$user" --regid="$user" --init-groups env -i HOME="$work/user/home" XDG_RUNTIME_DIR="$work/user/run" PATH="$PATH" TERM=xterm "$@"); }

digest=$(as_user "$work/jailed-claude" image --package "$package" --closure "$closure" "$work/user/image")
mkdir "$work/other"
other=$(cd "$work/other" && env TZ=Asia/Tokyo HOME="$work" "$work/jailed-claude" image --package "$package" --closure "$closure" "$work/image")
[ "$digest" = "$other" ] || die "two users have two images: $digest and $other"
say "ok: the same digest for two users, $digest"
[ "$(as_user skopeo inspect --format '{{.Digest}}' "oci:$work/user/image:latest")" = "$digest" ] || die "skopeo reads another digest"
as_user "$work/jailed-claude" image --check --package "$package" --closure "$closure" "$work/user/image"
say "ok: skopeo reads it, --check finds it the same"
as_user "$work/jailed-claude" image --compression gzip --package "$package" --closure "$closure" "$work/user/gzip" >/dev/null
as_user skopeo copy --quiet "oci:$work/user/gzip:latest" "docker-archive:$work/user/docker.tar:agent:1"
say "ok: with gzip it becomes an archive of Docker's"
podman=(podman --cgroup-manager=cgroupfs --runtime crun run --rm --network none --cgroups=disabled)
said=$(as_user "${podman[@]}" "oci:$work/user/image:latest" bash -c 'id -u; pwd; claude --version; sed -n "s/^CapEff:\t//p; s/^Seccomp_filters:\t//p" /proc/self/status; ls /nix/store | wc -l; echo x >file && cat file')
want="1000
/home/agent/project
$CLAUDE_VERSION_PINNED (Claude Code)
0000000000000000
3
$(sort -u "$closure" | grep -c '^/nix/store/')
x"
[ "$said" = "$want" ] || die "podman says:"$'\n'"$said"
say "ok: podman runs it, without capabilities and with its own filter and both of ours"
