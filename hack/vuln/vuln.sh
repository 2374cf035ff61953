#!/usr/bin/env bash
# vuln.sh [PACKAGES]: are there known vulnerabilities in what this program
# calls, of its modules and of Go's library? Part of `make lint`.
#
#   GOVULNDB=URL   the database: http, https or file; default vuln.go.dev
#
# Exit status: 1 if something was found, or if a database that was named does
# not work. The default one is out of reach on many machines: that is said in
# one line, and is no failure.
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=vuln
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

cd "$REPO"
govulncheck=$(go_tool golang.org/x/vuln/cmd/govulncheck v1.9.0)
database=${GOVULNDB:-https://vuln.go.dev}
# As hack/build.sh builds.
tags=seccomp,netgo,osusergo,runc_nocriu
status=0
log=$("$govulncheck" -db "$database" -tags "$tags" "${@:-./...}" 2>&1) || status=$?
# 3 is govulncheck's own for "found", 1 is for everything else.
case $status in
  0) ;;
  3)
    printf '%s\n' "$log" >&2
    die "vulnerabilities of the database $database that this program calls: see above; go get MODULE@VERSION where one is fixed"
    ;;
  *)
    reason=$(sed -n 's/^.*fetching vulnerabilities: //p' <<<"$log" | tail -n 1)
    if [ -z "${GOVULNDB:-}" ] && [ -n "$reason" ]; then
      say "not checked for known vulnerabilities: $database could not be asked ($reason); GOVULNDB=file:///DIR names a copy"
      exit 0
    fi
    printf '%s\n' "$log" >&2
    die "govulncheck cannot do its work with $database"
    ;;
esac
