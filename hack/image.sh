#!/usr/bin/env bash
# The image of the test store under the real skopeo, podman and registry: read, run,
# converted, pushed and pulled, and the same digest for two users; an update, and a
# registry that ends in the middle. Needs root (it makes a user, a network of its own
# and a mount namespace with cgroup v2 alone, which crun asks for), and fetches
# skopeo, podman, crun and docker-registry from Debian. Not part of "make test".
#
#   IMAGE_TIME=1    times images beside skopeo and "tar | gzip", and does nothing else
set -euo pipefail
ME=image
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || die "needs root: sudo make check-image"
registry=$(cache_root)/docker-registry
if [ -z "${IMAGE_INSIDE:-}" ]; then
  for program in skopeo podman crun; do command -v "$program" >/dev/null || missing+=("$program"); done
  [ -z "${missing[*]:-}" ] || apt-get install -y --no-install-recommends "${missing[@]}" uidmap catatonit >/dev/null
  # Debian's package would start it as a service, so it is only unpacked.
  if [ ! -x "$registry/usr/bin/docker-registry" ]; then
    mkdir -p "$registry"
    (cd "$registry" && apt-get download docker-registry >/dev/null 2>&1 && dpkg -x docker-registry_*.deb . && rm docker-registry_*.deb)
  fi
  "$HACK/build.sh"
  "$HACK/store/up.sh" >/dev/null
  IMAGE_INSIDE=1 exec unshare --mount --net --propagation private "$0"
fi
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up

user=jailimage
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
work=$(mktemp -d -u /var/tmp/jci.XXXXXX | tr "[:upper:]" "[:lower:]") # podman takes a path for a name, without capital letters
mkdir "$work"
made=() served=
# stop ends the registry as a power cut does.
stop() {
  kill -9 "$served"
  wait "$served" 2>/dev/null || true
}
# shellcheck disable=SC2317 # the trap's
clean_up() {
  [ -z "$served" ] || stop
  pkill -u "$user" || true
  [ -z "${made[*]:-}" ] || nix-store --delete "${made[@]}" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT
install -m 0755 "$REPO/bin/jailed-claude" "$work/jailed-claude"
install -d -o "$user" "$work/user" "$work/user/run" "$work/user/project" "$work/user/home"
chmod 0755 "$work"
declare -A store
while IFS='=' read -r name value; do store[$name]=$value; done < <("$HACK/store/up.sh")
package=${store[DEVENV_NODE]} closure=${store[DEVENV_NODE_CLOSURE]}
as_user() { (cd "$work/user/project" && setpriv --reuid="$user" --regid="$user" --init-groups env -i HOME="$work/user/home" XDG_RUNTIME_DIR="$work/user/run" PATH="$PATH" TERM=xterm "$@"); }

image() { as_user "$work/jailed-claude" image --package "$package" "$@"; }

# shellcheck disable=SC2317 # timed calls these functions
if [ -n "${IMAGE_TIME:-}" ]; then
  mapfile -t paths < <(grep '^/nix/store/' "$closure" | sort -u)
  rounds=${IMAGE_ROUNDS:-3}
  declare -A took
  # timed NAME COMMAND...: its time goes to took[NAME], in tenths of a millisecond.
  timed() {
    local name=$1 begin=${EPOCHREALTIME/./}
    shift
    "$@" >"$work/said" 2>&1 || die "$name failed: $(cat "$work/said")"
    took[$name]+=" $(((${EPOCHREALTIME/./} - begin) / 100))"
  }
  median() { tr ' ' '\n' <<<"${took[$1]# }" | sort -n | awk '{ v[NR] = $1 } END { printf "%.1f", v[int((NR + 1) / 2)] / 10 }'; }
  all() { rm -rf "$work/user/new" "$work/user/home/.cache" && image --closure "$closure" "$work/user/new"; }
  again() { image --closure "$closure" "$work/user/new"; }
  tar_gzip() { tar -c "${paths[@]}" | gzip -6 >"$work/user/tar.gz"; }
  to_zstd() { rm -rf "$work/user/zstd" && as_user skopeo copy --quiet --dest-compress-format zstd --dest-compress "oci:$work/user/none:latest" "oci:$work/user/zstd:latest"; }
  # The layer of the largest path but one, as if it were another one now.
  changed() { rm -f "$layer" "$layer.json" && again; }
  alone() { tar -c "$path" | zstd -q -f -T1 -3 -o "$work/user/one.zst"; }
  path=$(du -s "${paths[@]}" | sort -n | tail -n 2 | head -n 1 | cut -f 2)
  image --closure "$closure" --compression none "$work/user/none" >/dev/null
  say "load $(cut -d' ' -f1 /proc/loadavg); medians of $rounds, and of $((11 * rounds)) where nothing changed"
  for _ in $(seq "$rounds"); do
    timed all all
    timed "skopeo to zstd" to_zstd
    timed "tar | gzip -6" tar_gzip
    layer=$(find "$work/user/home/.cache/jailed-claude/image" -name '*.zstd-*' ! -name '*.json' -printf '%s %p\n' | sort -n | tail -n 2 | head -n 1 | cut -d' ' -f2)
    for _ in 1 2 3 4 5 6 7 8 9 10 11; do timed unchanged again; done
    timed "$path changed" changed
    timed "tar | zstd -3 of that" alone
  done
  for name in all "skopeo to zstd" "tar | gzip -6" unchanged "$path changed" "tar | zstd -3 of that"; do printf '%9s ms  %s\n' "$(median "$name")" "$name"; done
  exit
fi

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

# A registry, images of two closures of which one path differs, and two users.
printf '%s\n' 'version: 0.1' 'log: {level: error}' "storage: {filesystem: {rootdirectory: $work/registry}}" 'http: {addr: "127.0.0.1:5000"}' >"$work/registry.yml"
log=$work/registry.log
touch "$log"
serve() {
  "$registry/usr/bin/docker-registry" serve "$work/registry.yml" >>"$log" 2>&1 &
  served=$!
  until (exec 3<>/dev/tcp/127.0.0.1/5000) 2>/dev/null; do
    kill -0 "$served" 2>/dev/null || die "the registry does not start: $(tail -n 3 "$log")"
    sleep 0.05
  done
}
serve
# shellcheck source-path=SCRIPTDIR source=store/nix.sh
. "$HACK/store/nix.sh"
remote=docker://127.0.0.1:5000/agent names=()
for n in 1 2; do
  mkdir -p "$work/$n/update"
  head -c 3000000 /dev/urandom >"$work/$n/update/data"
  made+=("$(nix-store --add "$work/$n/update")")
  { cat "$closure" && echo "${made[-1]}"; } >"$work/closure-$n"
  names[n]=$(image --closure "$work/closure-$n" "$work/user/$n")
done
answers() { wc -l <"$log"; }
# after N METHOD PATH: how many such answers there were after the first N, and how
# many of them had 100 kB or more.
after() { tail -n "+$(($1 + 1))" "$log" | grep -F "\"$2 /v2/agent/$3" | awk '{ all++ } $10 >= 100000 { large++ } END { print all + 0, large + 0 }'; }
push() { as_user skopeo copy --quiet --dest-tls-verify=false "oci:$work/user/$1:latest" "$remote:$1"; }
push 1
n=$(answers)
push 2
# Beside the layer there are generated files, among them the list of the closure, and
# the configuration, which names all layers.
[ "$(after "$n" PUT blobs/uploads/)" = "3 0" ] || die "an update of one path is not its layer and two small ones to push: $(after "$n" PUT blobs/uploads/)"
first() { as_user podman --cgroup-manager=cgroupfs "$@"; }
second() { env -i HOME="$work/other" PATH="$PATH" podman --cgroup-manager=cgroupfs --root "$work/other/storage" --runroot "$work/other/run" "$@"; }
for who in first second; do
  "$who" pull --quiet --tls-verify=false "$remote:1" >/dev/null
  n=$(answers)
  "$who" pull --quiet --tls-verify=false "$remote:2" >/dev/null
  [ "$(after "$n" GET blobs/)" = "3 1" ] || die "an update of one path is not its layer and two small ones to pull: $(after "$n" GET blobs/)"
  for n in 1 2; do
    [ "$("$who" image inspect --format '{{.Digest}}' "127.0.0.1:5000/agent:$n")" = "${names[n]}" ] || die "the $who user has another image $n"
  done
done
say "ok: an update of one path is its layer to push and to pull, and some kilobytes; two users have the same digests"

pull() { as_user skopeo copy --quiet --src-tls-verify=false "$remote:1" "oci:$work/user/$1:latest"; }
check() { image --check --closure "$work/closure-1" "$work/user/$1"; }
pull pulled
check pulled
# cut_off WHERE COMMAND...: the registry ends as soon as something larger is in a folder.
cut_off() {
  local where=$1 working
  shift
  "$@" >"$work/said" 2>&1 &
  working=$!
  while kill -0 "$working" 2>/dev/null && [ -z "$(find "$where" -type f -size +128k -print -quit 2>/dev/null)" ]; do :; done
  stop
  if wait "$working"; then die "it was too fast: $*"; fi
  serve
}
cut_off "$work/user/half" pull half
if check half >"$work/said" 2>&1; then die "half an image is found the same"; fi
grep -q 'it is not whole: fetch it again' "$work/said" || die "of half an image is said: $(cat "$work/said")"
pull half
check half
stop
rm -rf "$work/registry"
serve
cut_off "$work/registry" push 1
if as_user skopeo inspect --tls-verify=false "$remote:1" >"$work/said" 2>&1; then die "half a push is an image"; fi
push 1
[ "$(as_user skopeo inspect --tls-verify=false --format '{{.Digest}}' "$remote:1")" = "${names[1]}" ] || die "the second push is another image"
say "ok: a registry that ends in the middle: half a pull is said to be no image, half a push is none, and both can be done again"
