#!/usr/bin/env bash
# check.sh: does vuln.sh find what there is? A database with one made-up
# vulnerability, in a function that this program calls, has to make it fail. Part
# of `make lint`.
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=vuln
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

here=$HACK/vuln
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect STATUS REGEXP DATABASE: what vuln.sh has to answer, for a package that
# is soon loaded.
expect() {
  local status=0
  GOVULNDB=$3 "$here/vuln.sh" ./spec/policy >"$work/log" 2>&1 || status=$?
  if [ "$status" != "$1" ] || ! { [ -z "$2" ] || grep -qE -- "$2" "$work/log"; }; then
    cat "$work/log" >&2
    die "database '$3': status $status, expected $1 and /$2/"
  fi
}

# The layout is that of https://go.dev/doc/security/vuln/database#api.
cp -r "$here/db" "$work/called"
expect 1 'policy\..* calls toml\.Unmarshal' "file://$work/called"

# The same in a function that nobody calls, and in a version that is fixed.
cp -r "$here/db" "$work/uncalled"
sed -i 's/"Unmarshal"/"Nobody.Calls"/' "$work/uncalled/ID/"*.json
expect 0 '' "file://$work/uncalled"
cp -r "$here/db" "$work/fixed"
sed -i 's/{"introduced": "0"}/{"introduced": "0"}, {"fixed": "2.0.1"}/' "$work/fixed/ID/"*.json
expect 0 '' "file://$work/fixed"
for name in uncalled fixed; do
  if diff -rq "$here/db" "$work/$name" >/dev/null; then die "the database '$name' is the one with the finding"; fi
done

# A database that was named has to be there; the default one need not.
expect 1 'cannot do its work' "file://$work/none"
(
  # A proxy that refuses: nobody is asked.
  export HTTPS_PROXY=http://127.0.0.1:1 NO_PROXY='' no_proxy='' https_proxy=http://127.0.0.1:1
  expect 0 'vuln.go.dev could not be asked' ''
)
