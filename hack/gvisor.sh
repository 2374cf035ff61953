#!/usr/bin/env bash
# gVisor: runsc, built by the Go proxy, under "run --runtime runsc". The tests of the
# sandbox with the real one, and all attacks of "audit", of which those get through that
# docs/audit.md names and no others. Needs root (it makes a user), and jq. Not part of
# "make test": no distribution has a runsc that is new enough. RUNSC=PATH is one that is
# there already; RUNSC_VERSION another one to build.
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=gvisor
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || die "needs root: sudo make check-gvisor"
command -v jq >/dev/null || apt-get install -y --no-install-recommends jq >/dev/null
version=${RUNSC_VERSION:-v0.0.0-20260905035102-160fafc42237}
work=$(mktemp -d /var/tmp/jcg.XXXXXX)
user=jailgvisor
trap 'pkill -u "$user" || true; rm -rf "$work"' EXIT
chmod 0755 "$work"
if [ -n "${RUNSC:-}" ]; then
  install -m 0755 "$RUNSC" "$work/runsc"
else
  # With cgo it would be dynamic, and its sandbox finds no library.
  GOBIN=$work CGO_ENABLED=0 GOFLAGS='' "$(go_program)" install "gvisor.dev/gvisor/runsc@$version"
fi
"$HACK/build.sh"
install -m 0755 "$REPO/bin/jailed-claude" "$work/jailed-claude"
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
install -d -o "$user" "$work/home" "$work/home/project" "$work/run"
declare -A store
while IFS='=' read -r name value; do store[$name]=$value; done < <("$HACK/store/up.sh")
as_user() { (cd "$work/home/project" && setpriv --reuid="$user" --regid="$user" --init-groups env -i HOME="$work/home" XDG_RUNTIME_DIR="$work/run" PATH="$PATH" TERM=xterm "$@"); }

as_user git init -q .
as_user git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m begin
as_user "$work/jailed-claude" audit --json --net none --closure "${store[DEVENV_CLOSURE]}" --runtime "$work/runsc" >"$work/audit.json" || true
[ "$(jq '[.[] | select(.result == "held")] | length' "$work/audit.json")" -gt 350 ] || die "too few attacks were held: $(cat "$work/audit.json")"
# The table of docs/audit.md is this list: a name there that does not get through is
# missing here, and the other way round.
jq -r '.[] | select(.result == "GOT THROUGH") | .attack' "$work/audit.json" | sort >"$work/through"
sort "$HACK/gvisor.txt" >"$work/documented"
diff -u --label "documented (hack/gvisor.txt)" --label "got through" "$work/documented" "$work/through" >&2 || die "what gets through is not what is documented"
n=$(wc -l <"$work/documented")
grep -q "$n of [0-9]* get through" "$REPO/docs/audit.md" || die "docs/audit.md does not say that $n get through"
while read -r attack; do
  case $attack in
  host-*) ;; # one row of the table
  *-var-tmp | *-home | *-runtime-dir) ;; # "the same of …"
  *) grep -q "\`$attack\`" "$REPO/docs/audit.md" || die "docs/audit.md does not name $attack" ;;
  esac
done <"$work/documented"
say "ok: $n attacks of $(jq length "$work/audit.json") get through $("$work/runsc" --version | head -1), and no others than docs/audit.md says"
JAIL_TEST_RUNSC=$work/runsc JAIL_TEST_RUN='^TestSandbox' "$HACK/test.sh" ./hack/e2e/life
