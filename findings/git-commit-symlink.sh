#!/usr/bin/env bash
# Git writes COMMIT_EDITMSG and the logs of refs through symlinks. Who may write to a .git (a build in a
# container, an agent, an archive that is unpacked) can so have the next "git commit" of the user write
# a text of theirs to any file of the user's: what is in MERGE_MSG begins the message, also where no
# merge is under way, and it is written before the editor starts. Neither git nor its hooks see
# anything odd; a message that is given up afterwards has been written all the same.
#
# Matters for: whatever protects .git/hooks and .git/config and thinks that this is all.
# Seen: git 2.39.5 (Debian 12), 2026-11-30. Needs: git.
set -euo pipefail

fail() { echo "git-commit-symlink: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
export LC_ALL=C HOME=$tmp GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=$tmp/config
git config --global user.name Ada
git config --global user.email ada@example.com
git --version

echo "# mine" >rc
git init -q -b main repository
cd repository
git commit -q --allow-empty -m first

ln -sf "$tmp/rc" .git/COMMIT_EDITMSG
echo "touch executed" >.git/MERGE_MSG
GIT_EDITOR=false git commit -q --allow-empty 2>/dev/null && fail "the commit was not given up"
grep -qx "touch executed" "$tmp/rc" || fail "COMMIT_EDITMSG was not written through the symlink: $(cat "$tmp/rc")"
echo "the rc file of the user now begins with: $(head -n 1 "$tmp/rc")"

echo "# mine" >"$tmp/rc"
ln -sf "$tmp/rc" .git/logs/HEAD
# shellcheck disable=SC2016 # a shell that reads the file executes it
git branch '$(touch${IFS}executed)'
# shellcheck disable=SC2016
git switch -q '$(touch${IFS}executed)'
bash "$tmp/rc" 2>/dev/null || true
[ -e executed ] || fail "the log of HEAD was not written through the symlink: $(cat "$tmp/rc")"
echo "a name of a branch was executed: $(tail -n 1 "$tmp/rc" | cut -d' ' -f4-)"
