#!/usr/bin/env bash
# `git tag -s` with an ssh key whose agent refuses to sign makes the tag WITHOUT a signature and
# exits with status 0; the error is only printed. `git commit -S` in the same state fails with 128.
# An agent refuses in everyday life: a question not answered, a key limited to a host, a filter in
# between. A script that signs releases has to look: `git tag -v`, or "BEGIN SSH SIGNATURE".
#
# Matters for: agents' programs behind an agent that asks or filters.
# Seen: git 2.39.5, OpenSSH 9.2p1 (Debian 12), 2026-11-29. Needs: git 2.39, ssh-agent.
set -euo pipefail

fail() { echo "git-tag-s-unsigned: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d)
trap '[ -z "${SSH_AGENT_PID:-}" ] || kill "$SSH_AGENT_PID"; rm -rf "$tmp"' EXIT
cd "$tmp"
export LC_ALL=C HOME=$tmp GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=$tmp/config
git --version
ssh -V 2>&1
[[ $(git --version) == "git version 2.39."* ]] || { echo "git-tag-s-unsigned: needs git 2.39" >&2; exit 1; }

# A key that asks before each use (-c), and nobody there to say yes.
ssh-keygen -q -t ed25519 -N '' -C finding -f key
eval "$(env -u DISPLAY -u WAYLAND_DISPLAY SSH_ASKPASS=/bin/false ssh-agent -a "$tmp/agent")" >/dev/null
ssh-add -q -c key
rm key # the agent alone has the private half
git init -q work
cd work
git config user.name a
git config user.email a@example.com
git config gpg.format ssh
git config user.signingKey "$tmp/key.pub"
git commit -q --allow-empty -m first

try() {
  status=0
  message=$("$@" 2>&1) || status=$?
  echo "${*:1:3}: status $status: $(grep -m 1 signer <<<"$message")"
}
try git commit -S --allow-empty -m second
[ "$status" = 128 ] || fail "git commit -S ends with $status"
try git tag -s -m 'release 1' v1
[[ $message == *"agent refused operation"* ]] || fail "the agent did not refuse"
[ "$status" = 0 ] || fail "git tag -s ends with $status"
[ "$(git cat-file -t v1)" = tag ] || fail "no tag was made"
if git cat-file tag v1 | grep -q 'BEGIN SSH SIGNATURE'; then fail "the tag is signed"; fi
echo "the tag v1 is there, without a signature"
if git tag -v v1 >/dev/null 2>&1; then fail "git tag -v accepts it"; fi
echo "git tag -v v1: refused"
