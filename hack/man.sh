#!/usr/bin/env bash
# man.sh PROGRAM DIR: a manual page for each command of PROGRAM, in DIR, of what its
# --help says and of the time SOURCE_DATE_EPOCH (default: now). Help has the width
# of a terminal and sections of its own already, which help2man and cobra's pages
# take apart; so it stays as it is.
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME='man.sh'
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$#" = 2 ] || die "usage: man.sh PROGRAM DIR"
program=$1 dir=$2
date=$(LC_ALL=C date --utc --date="@${SOURCE_DATE_EPOCH:-$(date +%s)}" '+%d %B %Y')
version=$("$program" --version)
mkdir -p "$dir"

# page SUMMARY COMMAND...: of one command, then of those below it.
page() {
  local summary=$1 help usage name
  shift
  local title="jailed-claude${*:+ $*}"
  name=${title// /-}
  help=$("$program" "$@" --help)
  usage=$(awk '/^Usage:$/ { getline; sub(/^ */, ""); print; exit }' <<<"$help")
  awk -v usage="$usage" -v name="$name" -v title="$title" -v summary="$summary" -v date="$date" -v version="$version" '
    function plain(s) {
      gsub(/\\/, "\\e", s)
      gsub(/-/, "\\-", s)
      return s ~ /^[.\047]/ ? "\\&" s : s
    }
    BEGIN {
      printf ".TH %s 1 \"%s\" \"%s\" \"jailed\\-claude\"\n", toupper(plain(name)), date, plain(version)
      printf ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n%s\n.SH DESCRIPTION\n", plain(name), plain(summary), plain(usage)
    }
    /^[A-Z][A-Za-z ]*:$/ {
      if (verbatim) print ".fi"
      verbatim = 1
      blank = 0
      if ($0 == "Usage:") { getline; print ".nf"; next }
      sub(/:$/, "")
      printf ".SH %s\n.nf\n", toupper($0)
      next
    }
    /^$/ { if (!verbatim) print ".PP"; else blank = 1; next }
    { if (blank && verbatim) print ""; blank = 0; print plain($0) }
    END {
      if (verbatim) print ".fi"
      if (name != "jailed-claude") print ".SH SEE ALSO\n.BR jailed\\-claude (1)"
    }' <<<"$help" >"$dir/$name.1"
  while read -r name summary; do
    if [ "$name" != help ] && [ "$name" != completion ]; then page "$summary" "$@" "$name"; fi
  done < <(awk '/^[A-Z].*:$/ { commands = !/^(Usage|Examples|Flags|Global flags):$/ } commands && /^  [a-z]+ +[A-Z]/' <<<"$help")
}
page "run Claude Code and other agents in a jail"
