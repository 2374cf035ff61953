#!/usr/bin/env bash
# soak.sh: what `make soak` runs: the loops of hack/e2e in full. Every fault at
# every point, in every mode; thousands of starts; hundreds of jails at once;
# disks that fill at every byte. It takes a while. At the end it prints what was
# counted; a count is only there if its loop passed or says what failed.
#
#   JAIL_TEST_RUN=REGEXP       only these (default: all that count)
#   JAIL_TEST_AS=root|user     only as this one
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=soak
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

log=$(mktemp)
chmod 0666 "$log" # root's tests write there, and the user's
trap 'rm -f "$log"' EXIT
export JAIL_TEST_SOAK=1 JAIL_TEST_KILLS="${JAIL_TEST_KILLS:-500}" JAIL_TEST_TIMEOUT="${JAIL_TEST_TIMEOUT:-120m}"
export JAIL_TEST_RUN="${JAIL_TEST_RUN:-^(TestFault|TestSoak|TestProjectTurns|TestFull|TestFew|TestKilled|TestSignalDuring|TestEndedJail|TestReleaseHas|TestAttachRounds)}" JAIL_TEST_COUNTS="$log"
status=0
"$HACK/test.sh" ./hack/e2e/... ./bundle/review || status=$?
# What needs cgroups of version 2, in a virtual machine.
if [ "$(id -u)" = 0 ]; then
  go=$(go_program)
  work=$(mktemp -d)
  trap 'rm -rf "$log" "$work"' EXIT
  (cd "$REPO" && c_library && CGO_ENABLED=1 "$go" build "${GO_BUILD[@]}" -tags "$GO_TAGS faults" -ldflags "$GO_LDFLAGS" -o "$work/jailed-claude" ./cmd/jailed-claude)
  vm=0
  JAIL_TEST_BIN=$work/jailed-claude "$HACK/vm/run.sh" faults || vm=$?
  [ "$vm" = 0 ] || [ "$vm" = "$SKIP" ] || status=$vm
fi
echo
if [ -s "$log" ]; then cat "$log"; else say "nothing was counted"; fi
exit "$status"
