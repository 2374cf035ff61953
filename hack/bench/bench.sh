#!/usr/bin/env bash
# bench.sh: what `make bench` runs: what a jail costs, beside what else there
# is. Prepares a folder with store paths, bundles and programs, and a network
# of its own, and runs hack/bench there as an ordinary user. Tables on stdout,
# every measurement in bin/bench.json; docs/bench.md says what they mean.
#
#   BENCH="startup tty"   these parts alone: startup tricks spec memory
#                         sessions layer turn screens codex tty network broker nar
#   JAIL_AGENTS_CACHE=DIR where "make check-agents" installed real agents, whose
#                         first screens and turns are measured (~/.cache/jailed-claude-agents)
#   BENCH_ROUNDS=N        measurements of each candidate (21)
#   BENCH_ORDER=fixed     candidates in the same order in each round, not in
#                         another one
#   BENCH_REALTIME=1      with a real-time priority, where other work runs; as root
#   BENCH_JSON=FILE       where the measurements go; what another part left
#                         there stays
#   BENCH_SIZES="5 37"    numbers of store paths (5 37 300 600 2000)
#   BENCH_BIN=FILE        measure this jailed-claude
#   BENCH_BASE=FILE       and this one beside it, as jailed-claude-base: start-up,
#                         tricks, memory
set -euo pipefail
ME=bench
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

SRT_VERSION=0.0.78 # npm's @anthropic-ai/sandbox-runtime

cd "$REPO"
"$HACK/deps.sh" bench
go=$(go_program)
json=$(realpath -m "${BENCH_JSON:-bin/bench.json}")
mkdir -p "$(dirname "$json")"
work=$(mktemp -d /var/tmp/jcb.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"
if [ -n "${BENCH_BIN:-}" ]; then
  cp "$BENCH_BIN" "$work/jailed-claude"
else
  "$HACK/build.sh"
  cp bin/jailed-claude "$work/"
fi
[ -z "${BENCH_BASE:-}" ] || cp "$BENCH_BASE" "$work/jailed-claude-base"
# Only a program with faults can do without a trick. A copy, as every program
# that is measured (docs/bench.md says why).
if [[ " ${BENCH:-tricks} " == *" tricks "* ]]; then
  c_library
  CGO_ENABLED=1 "$go" build "${GO_BUILD[@]}" -tags "$GO_TAGS faults" -ldflags "$GO_LDFLAGS" -o "$work/faults" ./cmd/jailed-claude
  cp "$work/faults" "$work/jailed-claude-faults"
  unset CC CGO_LDFLAGS
fi
CGO_ENABLED=0 "$go" build -buildvcs=false -o "$work/" ./hack/bench ./hack/fakeapi
for tool in floor relay; do gcc -O2 -Wall -o "$work/$tool" "$HACK/bench/floor/$tool.c"; done

# The store: a static `true`, many tiny paths, and the real agent.
eval "$("$HACK/store/up.sh")"
# shellcheck source-path=SCRIPTDIR source=../store/nix.sh
. "$HACK/store/nix.sh"
"$HACK/store/daemon.sh" start || say "no Nix daemon: an ordinary user cannot ask Nix"
read -ra sizes <<<"${BENCH_SIZES:-5 37 300 600 2000}"
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
prefix=()
if [ "$(id -u)" = 0 ]; then
  user=jailtest
  id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
  prefix=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups)
fi
# as_user CMD runs it as the user of the benchmark, in a clean environment.
as_user() {
  "${prefix[@]}" env -i HOME="$work/home" USER="$user" LANG=C.UTF-8 SHELL=/bin/bash GIT_CONFIG_NOSYSTEM=1 \
    PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin XDG_RUNTIME_DIR="$work/run" "$@"
}

mkdir -p "$work"/{home,project,state,run,idle}
# 37 paths are those of the real agent with its tools and node; the others are
# the static `true` and tiny paths.
for n in "${sizes[@]}"; do
  mkdir "$work/$n"
  if [ "$n" = 37 ]; then
    cp "$DEVENV_NODE_CLOSURE" "$work/$n/closure"
    grep -m1 coreutils "$DEVENV_NODE_CLOSURE" | sed 's|$|/bin/true|' >"$work/$n/true"
  else
    { cat "$work/true"; if [ "$n" -gt 1 ]; then "$HACK/store/many.sh" $((n - 1)); fi; } | sort >"$work/$n/closure"
    sed 's|$|/bin/true|' "$work/true" >"$work/$n/true"
  fi
done
cp "$BASE_CLOSURE" "$work/idle/closure"
grep -m1 coreutils "$BASE_CLOSURE" | sed 's|$|/bin/sleep|' >"$work/idle/sleep"
echo "$CLAUDE" >"$work/claude"
echo "$DEVENV_NODE" >"$work/devenv"

# sandbox-runtime, where npm and the programs it needs are there.
echo '{"network":{"allowedDomains":["bench.example","93.184.216.34"],"deniedDomains":[]},"filesystem":{"denyRead":["~/.ssh"],"allowWrite":["."],"denyWrite":[]}}' >"$work/srt.json"
srt=$(cache_root)/srt-$SRT_VERSION
if [ ! -d "$srt/node_modules" ]; then
  mkdir -p "$srt"
  npm install --prefix "$srt" --no-audit --no-fund --ignore-scripts --loglevel=error "@anthropic-ai/sandbox-runtime@$SRT_VERSION" >"$work/npm.log" 2>&1 ||
    say "no sandbox-runtime: $(tail -n1 "$work/npm.log")"
fi
[ ! -d "$srt/node_modules" ] || ln -s "$srt" "$work/srt"

# Real agents: hard links, which another user can reach.
agents=${JAIL_AGENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/jailed-claude-agents}
if [[ " ${BENCH:-screens} " =~ " "(screens|codex)" " ]] && [ -d "$agents" ]; then
  mkdir "$work/agents" "$work/home/.gemini"
  for name in codex gemini opencode; do
    at=$(find "$agents" -maxdepth 1 -name "$name-*" | sort -V | tail -n1)
    [ -z "$at" ] || cp -al "$at" "$work/agents/" 2>/dev/null || cp -a "$at" "$work/agents/"
  done
  echo '{"security":{"auth":{"selectedType":"gemini-api-key"}}}' >"$work/home/.gemini/settings.json"
fi

chmod -R a+rX "$work"
chmod 0700 "$work"/{home,state,run}
[ "$(id -u)" != 0 ] || find "$work" -path "$work/agents" -prune -o -exec chown -h "$user" {} +
# A project as projects are: a git repository, with what must not change in it.
as_user git -C "$work/project" init --quiet --initial-branch=main
echo 'export A=1' | as_user tee "$work/project/.envrc" >/dev/null
as_user git -C "$work/project" -c user.name=bench -c user.email=bench@localhost add .
as_user git -C "$work/project" -c user.name=bench -c user.email=bench@localhost commit --quiet -m first

# Bundles for crun and runc, with the network's hooks and without a network.
bundle() { # bundle FOLDER NAME FLAG... -- PROGRAM...
  local at=$work/$1 name=$2 flags=()
  shift 2
  while [ "$1" != -- ]; do flags+=("$1"); shift; done
  (cd "$work/project" && as_user "$work/jailed-claude" bundle --closure "$at/closure" "${flags[@]}" "$at/$name" "$@") >"$work/bundle.log" 2>&1 ||
    say "no $name in $at: $(tail -n1 "$work/bundle.log")"
}
for n in "${sizes[@]}"; do
  bundle "$n" bundle -- "$(cat "$work/$n/true")"
  bundle "$n" bundle-none --net none -- "$(cat "$work/$n/true")"
done
bundle idle bundle -- sleep 1000
bundle idle bundle-none --net none -- sleep 1000

# What `verify` reads: a project with a lock of the agent's closure.
if [[ " ${BENCH:-nar} " == *" nar "* ]]; then
  mkdir -p "$work/nar/project"
  cp "$DEVENV_NODE_CLOSURE" "$work/nar/closure"
  (cd "$work/nar/project" && env -i HOME="$work/nar" PATH="$PATH" NIX_CONF_DIR="$NIX_CONF_DIR" "$work/jailed-claude" lock --policy none \
    --package "$DEVENV_NODE" --closure "${DEVENV_NODE_CLOSURE%.closure}.registration") >"$work/lock.log" 2>&1 ||
    say "no lock of the closure: $(tail -n1 "$work/lock.log")"
  awk -F'"narSize": ' 'NF > 1 { n += $2 } END { printf "%d\n", n }' "$work/nar/project/.jailed-claude.lock" >"$work/nar/bytes" || true
fi

# The outer world: a network namespace with an address that looks public on
# its loopback device, and nothing behind it. pasta wants a device with a
# default route, and /dev/net/tun as most systems have it. crun refuses hosts that mount both generations of cgroups, so
# the second alone is mounted here; that is the same for every candidate.
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >"$work/resolv.conf"
# What else agents ask for is refused at once, as in a jail: a resolver that does not
# answer would cost them a second outside.
printf '%s\n' '127.0.0.1 localhost ab.chatgpt.com api.github.com github.com' '93.184.216.34 bench.example api.openai.com chatgpt.com' >"$work/hosts"
chmod a+r "$work/resolv.conf" "$work/hosts"
# shellcheck disable=SC2016 # expanded inside
outer='
  set -e
  work=$1; shift
  ip link set lo up
  ip address add 93.184.216.34/32 dev lo
  ip link add outer0 type veth peer name outer1
  ip address add 10.9.8.2/24 dev outer0
  ip link set outer0 up
  ip link set outer1 up
  ip route add default via 10.9.8.1
  mount --bind "$work/resolv.conf" "$(realpath /etc/resolv.conf)"
  mount --bind "$work/hosts" /etc/hosts
  if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then mount -t cgroup2 cgroup2 /sys/fs/cgroup; fi
  if [ "$(stat -c %a /dev/net/tun)" != 666 ] && mknod -m 0666 "$work/tun" c 10 200 2>/dev/null; then
    mount --bind "$work/tun" /dev/net/tun
  fi
  exec "$@"'
measure=("$work/bench" measure -dir "$work" -json "$json" -rounds "${BENCH_ROUNDS:-21}" -parts "${BENCH:-}")
[ "${BENCH_ORDER:-}" != fixed ] || measure+=(-fixed)
[ -z "${BENCH_REALTIME:-}" ] || measure=(chrt --rr 5 "${measure[@]}")
if [ "$(id -u)" = 0 ]; then
  unshare --net --mount -- bash -c "$outer" bash "$work" "${measure[@]}" -user "$user"
else
  unshare --user --map-root-user --net --mount --cgroup -- bash -c "$outer" bash "$work" \
    unshare --user --map-user="$(id -u)" --map-group="$(id -g)" -- "${measure[@]}"
fi
"$work/bench" render -json "$json" | sed -n '/^what  /,$p'
say "all measurements: $json; into the documentation: hack/bench/render.sh"
