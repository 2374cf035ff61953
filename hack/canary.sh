#!/usr/bin/env bash
# Which files of a project do agents look for that their rows in spec/agent do not
# know? Runs an older and the newest version that npm has of each agent under
# strace, in a project with a canary for each path of the row, and tells the differences.
# Needs npm and its registry, strace, Go and user namespaces. Not part of "make
# test".
#
#   hack/canary.sh [NAME…]          of: gemini opencode pi codex qwen cline
set -euo pipefail
ME="canary"
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
cd "$REPO"
cache=${JAIL_AGENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/jailed-claude-agents}
work=$(mktemp -d /var/tmp/canary.XXXXXX)
trap 'rm -rf "$work"' EXIT
for program in npm strace unshare; do command -v "$program" >/dev/null || die "there is no $program here"; done
CGO_ENABLED=0 "$(go_program)" build -o "$work/canary" ./hack/canary

# NAME PROGRAM PACKAGE OLDER ARGUMENTS of a turn, which no service answers. The prompt
# is one more: two words, for Cline takes a single one for a command.
agents() {
  cat <<'END'
gemini gemini @google/gemini-cli 0.27.0 -m gemini-2.5-flash -p
opencode opencode opencode-ai 1.15.4 run -m openai/gpt-5.4
pi pi @mariozechner/pi-coding-agent 0.55.3 -p --provider openai --model gpt-5.4
codex codex @openai/codex 0.125.0 exec --skip-git-repo-check
qwen qwen @qwen-code/qwen-code 0.21.2 --auth-type openai -p
cline cline cline 3.0.57 -P openai-native -m gpt-5.4
END
}

# trace NAME PROGRAM PACKAGE VERSION ARGUMENTS: into $work/NAME/VERSION.trace.
trace() {
  local name=$1 program=$2 package=$3 version=$4 home=$work/home project=$work/project
  local prefix=$cache/$name-$version
  shift 4
  [ -x "$prefix/bin/$program" ] ||
    npm install -g --prefix "$prefix" --loglevel=error --allow-scripts="$package" "$package@$version" </dev/null >"$work/npm.log" 2>&1 ||
    { echo "skip $name: npm has no $package@$version here: $(tail -n 1 "$work/npm.log")"; return 1; }
  rm -rf "$home" "$project"
  mkdir -p "$home/.gemini" "$work/$name"
  "$work/canary" make "$name" "$project"
  # It asks for its kind of login, and whether the folder is trusted.
  echo '{"security":{"auth":{"selectedType":"gemini-api-key"},"folderTrust":{"enabled":false}}}' >"$home/.gemini/settings.json"
  (cd "$project" && env -i HOME="$home" PATH="$prefix/bin:$PATH" TERM=dumb OPENAI_API_KEY=none GEMINI_API_KEY=none \
    OPENAI_BASE_URL=http://127.0.0.1:9/v1 OPENAI_MODEL=gpt-5.4 unshare --map-root-user --net \
    timeout --kill-after=2 "${CANARY_SECONDS:-40}" strace -f -qq -y -e trace=%file -s 4096 -o "$work/$name/$version.trace" "$program" "$@" "say hi") \
    </dev/null >"$work/$name/$version.out" 2>&1 || true
}

failed=0
default="gemini opencode pi"
while read -r name program package older args; do
  [[ " ${*:-$default} " == *" $name "* ]] || continue
  newest=$(npm view "$package" dist-tags.latest)
  # shellcheck disable=SC2086 # a list of arguments
  if ! trace "$name" "$program" "$package" "$older" $args || ! trace "$name" "$program" "$package" "$newest" $args; then continue; fi
  "$work/canary" tell "$name" "$work/project" "$work/$name/$older.trace" "$work/$name/$newest.trace" && continue
  failed=1
  for version in "$older" "$newest"; do echo "$name $version said: $(tail -n 2 "$work/$name/$version.out" | cut -c1-300)"; done
done < <(agents)
exit "$failed"
