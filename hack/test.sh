#!/usr/bin/env bash
# test.sh [PACKAGES]: what `make test` runs. Installs what is missing, builds,
# and runs every Go test twice: as root, and as an ordinary user ("jailtest",
# made here), side by side. An ordinary user who calls it gets the user's part
# alone.
#
# Test binaries run in a network namespace with nothing but `lo`, with an
# environment of their own, in a copy of the sources that they can read but
# not change. hack/e2e/world/doc.go has the variables that they get.
#
#   CI=true, JAIL_TEST_MUST_RUN=1   a test that is skipped is a failure
#   JAIL_TEST_RUN=REGEXP            only these tests (go test -run)
#   JAIL_TEST_AS=root|user          only as this one
#   JAIL_TEST_TAGS=TAGS             more build tags
#   JAIL_TEST_TIMEOUT=20m           for each package
#   JAIL_TEST_COUNT=1               each test that often (go test -count)
#   JAIL_TEST_EVENTS=DIR            keeps the events of all tests there, in JSON
#   JAIL_TEST_WITHOUT=all           with these start-up tricks switched off
#                                   (runtime/quick), for hack/e2e
# Other JAIL_TEST_ variables of the caller reach the tests as they are.
# shellcheck disable=SC2317 # functions are called by the trap and as arguments
set -euo pipefail
ME="test"
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

GO_TAGS+=" ${JAIL_TEST_TAGS:-}"
GO_BUILD+=(-tags "$GO_TAGS")
cd "$REPO"
[ "${CI:-}" = true ] && JAIL_TEST_MUST_RUN=1
"$HACK/deps.sh" test
go=$(go_program)
"$HACK/build.sh"
c_library

# Not /tmp: a jail has its own there. Short: it holds sockets.
work=$(mktemp -d /var/tmp/jct.XXXXXX)
chmod 0755 "$work"
daemon=
# kill_tree PID: it and what it started; background jobs do not get a ^C.
kill_tree() {
  local child
  for child in $(pgrep -P "$1"); do kill_tree "$child"; done
  kill "$1" 2>/dev/null || true
}
clean_up() {
  local job
  for job in $(jobs -p); do kill_tree "$job"; done
  [ -z "$daemon" ] || "$HACK/store/daemon.sh" stop || true
  # Tests make read-only folders.
  chmod -R u+w "$work" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The files of the checkout as they are now, committed or not.
sources() {
  if git -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
    git -c safe.directory='*' ls-files --cached --others --exclude-standard --deduplicate -z |
      while IFS= read -r -d '' file; do
        if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
      done
  else
    find . -path ./bin -prune -o -type f -print0
  fi
}
mkdir "$work/src" "$work/test" "$work/bin"

# beside NAME COMMAND...: a command that runs while others do. ended NAME waits
# for it, shows what it said, and returns its status. That is in a file: bash
# forgets a child whose number was given to a later one, which on a busy machine
# takes minutes.
declare -A beside=()
beside() {
  local name=$1
  shift
  {
    # shellcheck disable=SC2154 # name is the function's
    trap 'echo $? >"$work/$name.status"' EXIT
    "$@"
  } </dev/null >"$work/$name.log" 2>&1 &
  beside[$name]=$!
}
ended() {
  local status
  [ -n "${beside[$1]:-}" ] || return 0
  while [ ! -s "$work/$1.status" ] && kill -0 "${beside[$1]}" 2>/dev/null; do sleep 0.1; done
  status=$(cat "$work/$1.status" 2>/dev/null || echo 1)
  unset "beside[$1]"
  cat "$work/$1.log" >&2
  return "$status"
}
sources | tar --null --files-from=- --create --file=- | tar --extract --no-same-owner --directory="$work/src" --file=-

unformatted=$(cd "$work/src" && gofmt=$("$go" env GOROOT)/bin/gofmt && "$gofmt" -l .)
[ -z "$unformatted" ] || die "not as gofmt has it: ${unformatted//$'\n'/ }"
mapfile -t packages < <("$go" list "${GO_BUILD[@]}" -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "${@:-./...}")
[ "${#packages[@]}" -gt 0 ] || die "no tests in ${*:-./...}"
module=$("$go" list -m)
# The same with faults, for hack/e2e (runtime/fault). With the system's own C
# library: it may be another one than the program's, and users have both.
beside faults env -u CC -u CGO_LDFLAGS CGO_ENABLED=1 "$go" build "${GO_BUILD[@]}" -tags "$GO_TAGS faults" -ldflags "$GO_LDFLAGS" -o "$work/bin/jailed-claude-faults" ./cmd/jailed-claude
# Static, like the program: a test binary can be the init of a jail that holds
# nothing of the host. Those without C are static anyway, and Go's own linker is
# the quicker one. Go names a binary after the last element of the package's
# path, so packages that share one go into folders of their own.
# shellcheck disable=SC2016 # a template
with_c=$(CGO_ENABLED=1 "$go" list "${GO_BUILD[@]}" -test \
  -f '{{$p := .ImportPath}}{{range .Deps}}{{if eq . "runtime/cgo"}}{{$p}}{{"\n"}}{{end}}{{end}}' "${packages[@]}")
declare -A folder=() taken=() linked=()
for package in "${packages[@]}"; do
  linker=go
  if grep -qxF "$package.test" <<<"$with_c"; then linker=c; fi
  n=${taken[${package##*/}]:-0}
  taken[${package##*/}]=$((n + 1)) folder[$package]=$n
  linked[$linker/$n]+=" $package"
done
for key in "${!linked[@]}"; do
  flags='-s -w'
  [ "${key%/*}" = go ] || flags=$GO_LDFLAGS
  mkdir -p "$work/test/${key#*/}"
  # shellcheck disable=SC2086 # a list of packages
  CGO_ENABLED=1 "$go" test -c "${GO_BUILD[@]}" -ldflags "$flags" -o "$work/test/${key#*/}/" ${linked[$key]}
done
CGO_ENABLED=0 "$go" build "${GO_BUILD[@]}" -o "$work/bin/" ./hack/fakeapi ./hack/testreport
(cd hack/lab && CGO_ENABLED=0 "$go" build "${GO_BUILD[@]}" -o "$work/bin/lab" .)
cp bin/jailed-claude "$work/bin/"
test2json=$("$go" tool -n test2json)
cp "$test2json" "$work/bin/test2json"
report=$work/bin/testreport
# Tests of the import rules call go list: the dependencies go with the copy,
# for the user cannot read root's.
(cd "$work/src" && "$go" mod vendor)
ended faults || die "the program with faults cannot be built"
chmod -R a+rX "$work"
# After what it has in common with the builds is in Go's cache.
beside vet "$go" vet "${GO_BUILD[@]}" ./...

# Only a program with faults knows how to do without (runtime/quick).
bin=$work/bin/jailed-claude
[ -z "${JAIL_TEST_WITHOUT:-}" ] || bin=$bin-faults

# What Go's own packages compile to, kept from run to run. TestBuilds gives a copy
# of it to its jail, which compiles the project; without it every run compiles
# them twice, as root and as the user.
go_cache=${JAIL_STORE_CACHE:-$(cache_root)}/go-build
warm() {
  local root
  root=$("$go" env GOROOT)
  umask 022
  mkdir -p "$go_cache"
  cp -R hack/e2e/agent/testdata/builds/go "$work/warm"
  cd "$work/warm"
  # With the environment of the jail, or it is another compilation.
  env -i PATH="$root/bin:/usr/local/bin:/usr/bin:/bin" HOME="$work" GOCACHE="$go_cache" \
    sh -c 'go generate ./... && CGO_ENABLED=1 go build -o app ./cmd/app && go test ./... >/dev/null'
}
# The real codex (hack/e2e/agents); make check-agents brings all agents.
codex() { "$HACK/store/codex.sh" >"$work/codex"; }
for package in "${packages[@]}"; do
  case $package in
    "$module/hack/e2e/agent") beside warm warm ;;
    "$module/hack/e2e/agents") [ -n "${JAIL_TEST_AGENTS:-}" ] || beside codex codex ;;
  esac
done

# The store. Without one its tests skip and say why.
variables=()
for name in $(compgen -e JAIL_TEST_); do variables+=("$name=${!name}"); done
variables+=(
  "JAIL_TEST_BIN=$bin"
  "JAIL_TEST_BIN_FAULTS=$work/bin/jailed-claude-faults"
  "JAIL_TEST_FAKEAPI=$work/bin/fakeapi"
  "JAIL_TEST_LAB=$work/bin/lab"
  "JAIL_TEST_MUST_RUN=${JAIL_TEST_MUST_RUN:-}"
)
if paths=$("$HACK/store/up.sh" 2>"$work/store.log") && tiny=$("$HACK/store/many.sh" 2000 2>>"$work/store.log"); then
  while IFS= read -r line; do variables+=("JAIL_TEST_$line"); done <<<"$paths"
  printf '%s\n' "$tiny" >"$work/tiny"
  chmod 0644 "$work/tiny"
  variables+=("JAIL_TEST_TINY=$work/tiny" NIX_CONF_DIR=/nix/var/jailed-claude/conf)
  # A daemon for those tests that ask Nix as a user.
  if [ "$(id -u)" = 0 ] && ! "$HACK/store/daemon.sh" status; then
    daemon=started
    "$HACK/store/daemon.sh" start
  fi
else
  status=$?
  no_store=$(tail -n 1 "$work/store.log")
  [ "$status" = "$SKIP" ] || { cat "$work/store.log" >&2; die "the test store could not be made"; }
  say "no test store: ${no_store#store: skipped: }"
  variables+=("JAIL_TEST_NO_STORE=${no_store#store: skipped: }")
fi

if [ -n "${beside[warm]:-}" ] && ended warm; then
  variables+=("JAIL_TEST_GOCACHE=$go_cache")
fi
if [ -n "${beside[codex]:-}" ]; then
  if ended codex; then
    variables+=("JAIL_TEST_AGENTS=$(cat "$work/codex")")
  else
    [ "$(cat "$work/codex.status")" = "$SKIP" ] || die "the real codex could not be unpacked"
    variables+=("JAIL_TEST_NO_AGENTS=$(tail -n 1 "$work/codex.log")")
  fi
fi

if [ "$(id -u)" = 0 ] && ! id jailtest >/dev/null 2>&1; then
  say "adding the user jailtest"
  useradd --create-home --shell /bin/bash jailtest
fi

# The flake, which waits for Nix more than it computes.
if [ "$#" = 0 ] && [ -z "${JAIL_TEST_RUN:-}" ]; then
  JAIL_TEST_BIN=$work/bin/jailed-claude JAIL_TEST_MUST_RUN=${JAIL_TEST_MUST_RUN:-} beside nix "$HACK/nix/check.sh"
fi

# Limits need cgroups of version 2, users with sessions and systemd: a machine
# of their own. It takes minutes and half a gigabyte, so it is for CI and for
# who asks (make test-vm).
if [ "$(id -u)" = 0 ] && [ "${CI:-}" = true ]; then
  "$HACK/deps.sh" vm
  JAIL_TEST_BIN=$work/bin/jailed-claude JAIL_TEST_MUST_RUN=${JAIL_TEST_MUST_RUN:-} beside vm "$HACK/vm/run.sh"
fi

# lonely CMD runs it with no network but lo. That takes root; the ids of the
# caller stay what they are.
lonely() {
  # shellcheck disable=SC2016 # the inner shell's "$@"
  unshare --net -- sh -c 'ip link set lo up && exec "$@"' sh "$@"
}

# Most tests wait for programs that they have started, so more of them than
# processors run at once.
at_once=$((2 * $(nproc)))

# run_as LABEL USER HOME: all packages, as that user; events in $work/LABEL.
run_as() {
  local label=$1 user=$2 home=$3 uid gid package path log
  uid=$(id -u "$user") gid=$(id -g "$user")
  local own=$work/home-$label
  mkdir -p "$own"/{run,tmp,cache}
  chmod 0700 "$own"/{run,tmp,cache}
  [ "$(id -u)" != 0 ] || chown -R "$uid:$gid" "$own"
  local environment=(
    HOME="$home" USER="$user" LOGNAME="$user" SHELL=/bin/bash
    PATH="$(dirname "$go"):/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    LANG=C.UTF-8 TERM=xterm-256color
    XDG_RUNTIME_DIR="$own/run" TMPDIR="$own/tmp"
    GOCACHE="$own/cache" GOFLAGS=-mod=vendor GOTOOLCHAIN=local GOPROXY=off
    "${variables[@]}"
  )
  local prefix=()
  if [ "$(id -u)" = 0 ]; then
    prefix=(lonely setpriv --reuid="$uid" --regid="$gid" --init-groups)
  elif sudo -n true 2>/dev/null; then
    # shellcheck disable=SC2016
    prefix=(sudo -n unshare --net -- sh -c 'ip link set lo up && exec "$@"' sh
      setpriv --reuid="$uid" --regid="$gid" --init-groups)
  fi
  for package in "${packages[@]}"; do
    path=.${package#"$module"}
    log=${path#./} log=$work/$label.${log//\//-}
    # The events are what counts; their report gives the exit status.
    (cd "$work/src/$path" && "${prefix[@]}" env -i "${environment[@]}" \
      "$work/bin/test2json" -t -p "$package" "$work/test/${folder[$package]}/${package##*/}.test" \
      -test.count="${JAIL_TEST_COUNT:-1}" -test.v=test2json -test.timeout="${JAIL_TEST_TIMEOUT:-20m}" -test.parallel="$at_once" -test.run="${JAIL_TEST_RUN:-}" \
      </dev/null >"$log" 2>"$log.err") || cat "$log.err" >&2
    if [ ! -s "$log" ]; then
      # Not even started: that must not look like a package without tests.
      printf '{"Action":"fail","Package":"%s"}\n' "$package" >"$log"
    fi
    # The other half reports too.
    flock "$work/report" "$report" package "$label=$log"
    cat "$log" >>"$work/$label"
  done
}

# half LABEL USER HOME: run_as, beside the other half: they share neither files
# nor ports, and each waits a lot. What they say is shown at once.
labels=() halves=()
half() {
  run_as "$@" &
  halves+=($!)
  labels+=("$1=$work/$1")
}
if [ "$(id -u)" = 0 ]; then
  if [ "${JAIL_TEST_AS:-root}" = root ]; then half root root "$HOME"; fi
  if [ "${JAIL_TEST_AS:-user}" = user ]; then
    # What an earlier run left must not matter.
    home=$(getent passwd jailtest | cut -d: -f6)
    [ "$home" = /home/jailtest ] || die "jailtest's home is $home: that is not the user of these tests"
    find "$home" -mindepth 1 -delete
    half user jailtest "$home"
  fi
else
  say "not root: the tests run as $(id -un) alone"
  sudo -n true 2>/dev/null || say "neither root nor sudo: the tests see this machine's network"
  mkdir "$work/home"
  half user "$(id -un)" "$work/home"
fi
for pid in "${halves[@]}"; do wait "$pid" || die "the tests could not be run"; done

if [ "${CI:-}" = true ]; then
  "$HACK/fuzz.sh" 5s
  "$HACK/vuln/check.sh"
  say "that a release is the same bytes each time is tried by: make check-release"
fi

vm=0 nix=0 vet=0
ended vm || vm=$?
ended nix || nix=$?
ended vet || vet=$?
if [ "$(id -u)" != 0 ] || [ "${CI:-}" != true ]; then say "limits by cgroup are tested in a virtual machine: make test-vm"; fi

if [ -n "${JAIL_TEST_EVENTS:-}" ]; then
  mkdir -p "$JAIL_TEST_EVENTS"
  for label in "${labels[@]}"; do cp "${label#*=}" "$JAIL_TEST_EVENTS/"; done
fi

echo
total=0
"$report" total ${JAIL_TEST_MUST_RUN:+-must-run} "${labels[@]}" || total=$?
[ "$vet" = 0 ] || die "go vet has found something"
if [ "$vm" != 0 ] && [ "$vm" != "$SKIP" ]; then die "the tests of limits failed"; fi
if [ "$nix" != 0 ] && { [ "$nix" != "$SKIP" ] || [ "${JAIL_TEST_MUST_RUN:-}" = 1 ]; }; then die "the check of the flake failed"; fi
exit "$total"
