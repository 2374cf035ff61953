#!/usr/bin/env bash
# bench.sh [-rounds N]: what `make bench` runs. Start-up of jailed-claude
# beside bubblewrap, crun, runc and a floor in C, at 5, 37, 300 and 600 store
# paths, as an ordinary user; then NAR hashes beside nix-store. Tables on
# stdout, everything in dist/bench.json and dist/bench-nar.json.
#
#   JAIL_BENCH_SIZES="5 37 300 600"
set -euo pipefail
ME=bench
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

cd "$REPO"
"$HACK/deps.sh" bench
go=$(go_program)
"$HACK/build.sh"
work=$(mktemp -d /var/tmp/jcb.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"
CGO_ENABLED=0 "$go" build -buildvcs=false -o "$work/" ./hack/bench
gcc -O2 -Wall -o "$work/floor" "$HACK/bench/floor/floor.c"
cp bin/jailed-claude "$work/"

# The store: one path that holds a static `true`, the rest tiny ones.
"$HACK/store/up.sh" >/dev/null
# shellcheck source-path=SCRIPTDIR source=../store/nix.sh
. "$HACK/store/nix.sh"
read -ra sizes <<<"${JAIL_BENCH_SIZES:-5 37 300 600}"
largest=$(printf '%s\n' "${sizes[@]}" | sort -n | tail -n1)
"$HACK/store/many.sh" "$largest" >/dev/null
mkdir -p "$work/bench-true/bin"
echo 'int main(void) { return 0; }' | gcc -O2 -static -s -x c -o "$work/bench-true/bin/true" -
if [ "$(id -u)" = 0 ]; then
  nix-store --add "$work/bench-true" >"$work/true"
  cp "$work/true" "$STATE/bench-true"
elif [ -r "$STATE/bench-true" ] && [ -e "$(cat "$STATE/bench-true")" ]; then
  cp "$STATE/bench-true" "$work/true"
else
  skip "run it once as root: the store lacks its static true"
fi

user=$(id -un)
if [ "$(id -u)" = 0 ]; then
  user=jailtest
  id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
fi
mkdir -p "$work"/{project,state,run}
for n in "${sizes[@]}"; do
  mkdir "$work/$n"
  { cat "$work/true"; if [ "$n" -gt 1 ]; then "$HACK/store/many.sh" $((n - 1)); fi; } | sort >"$work/$n/closure"
done
chmod -R a+rX "$work"
chmod 0700 "$work"/{state,run}
[ "$(id -u)" != 0 ] || chown -R "$user" "$work"

# as_user CMD runs it as the user of the benchmark, in a clean environment.
as_user() {
  local prefix=()
  [ "$(id -u)" != 0 ] || prefix=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups)
  "${prefix[@]}" env -i HOME="$(getent passwd "$user" | cut -d: -f6)" USER="$user" LANG=C.UTF-8 \
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin XDG_RUNTIME_DIR="$work/run" "$@"
}
for n in "${sizes[@]}"; do
  (cd "$work/project" && as_user "$work/jailed-claude" bundle --closure "$work/$n/closure" --net none "$work/$n/bundle" -- true) >"$work/bundle.log" 2>&1 ||
    say "no bundle of $n paths for crun and runc: $(tail -n1 "$work/bundle.log")"
done

# crun refuses hosts that mount both generations of cgroups. In a mount
# namespace of its own the benchmark can have the second alone; that needs
# root, and is the same for every candidate.
measure=(as_user "$work/bench" -dir "$work" -json "$work/run/json" "$@")
if [ "$(id -u)" = 0 ] && [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
  export -f as_user
  export user work
  # shellcheck disable=SC2016 # the inner shell's "$@"
  unshare --mount -- bash -c 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && "$@"' bash "${measure[@]}"
else
  "${measure[@]}"
fi
mkdir -p dist
cp "$work/run/json" dist/bench.json

# How fast the contents of Claude Code's closure are checked. As the caller:
# nix-store wants to open its database.
claude=$(sed -n 's/^CLAUDE=//p' "$STATE/paths")
mkdir -p "$work/nar-home/project"
ln -s nar-home/project "$work/nar"
cp "$STATE/claude.closure" "$work/nar/closure"
as_caller() { env -i HOME="$work/nar-home" PATH="$PATH" NIX_CONF_DIR="$NIX_CONF_DIR" "$@"; }
(cd "$work/nar" && as_caller "$work/jailed-claude" lock --policy none --package "$claude" --closure "$STATE/claude.registration") >"$work/lock.log" 2>&1 ||
  die "no lock of the closure: $(tail -n1 "$work/lock.log")"
awk -F'"narSize": ' 'NF > 1 { n += $2 } END { printf "%d\n", n }' "$work/nar/.jailed-claude.lock" >"$work/nar/bytes"
as_caller "$work/bench" -nar -dir "$work" -json dist/bench-nar.json "$@"
say "all measurements: dist/bench.json, dist/bench-nar.json"
