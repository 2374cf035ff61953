#!/usr/bin/env bash
# build.sh: makeJailedClaude, mkSpec and mkBundle built for real, with the
# stand-in for nixpkgs and the Claude Code of the test store, and run: as an
# ordinary user, without any program of Nix on PATH, with no Nix daemon. strace
# sees to it that none is executed, and that nobody asks the daemon.
#
#   JAIL_TEST_BIN=FILE   the program; by default it is built
#
# Needs root, hack/store/up.sh and strace; exit status 77 and the reason
# without.
# shellcheck disable=SC2016 # scripts for the shell in the jail
set -euo pipefail
ME=build-nix
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$(dirname "$0")/env.sh"

[ "$(id -u)" = 0 ] || skip "building writes into the test store: needs root"
command -v strace >/dev/null 2>&1 || skip "strace is not installed"
paths=$("$HACK/store/up.sh") || skip "there is no test store"
# Lines NAME=PATH.
eval "$paths"
NIX_CONF_DIR=/nix/var/jailed-claude/conf
if [ -z "${JAIL_TEST_BIN:-}" ]; then
  HOME=$home "$HACK/build.sh"
  JAIL_TEST_BIN=$REPO/bin/jailed-claude
fi

copy_sources
mkdir -p "$work/tool/bin"
cp "$JAIL_TEST_BIN" "$work/tool/bin/jailed-claude"

# What the stand-in shall not stand in for. A builder finds the rest in
# /usr/bin, for there is no sandbox.
# shellcheck disable=SC2153 # set by the lines above
JAILED_CLAUDE_STUB=$(printf '{"claude":"%s","bash":"%s","runtimeShell":"%s"}' "$CLAUDE" "$BASE" "$BASE/bin/bash")
export JAILED_CLAUDE_STUB
cat >"$work/expr.nix" <<NIX
let
  pkgs = import $work/src/hack/nix/stub { system = builtins.currentSystem; };
  jail = import $work/src/spec/nix/lib.nix { overlay = import $work/src/spec/nix/overlay.nix "test"; };
  args = {
    inherit pkgs;
    claude-code = pkgs.real.claude;
    tools = [ pkgs.bash ];
    jailed-claude = pkgs.localTool $work/tool;
    policy = { env.set.BAKED = "yes"; network.mode = "none"; };
  };
in
{
  jailed = jail.makeJailedClaude args;
  spec = jail.mkSpec args;
  bundle = jail.mkBundle args;
  again = (jail.makeJailedClaude args).spec;
}
NIX
build() { nix-build --no-out-link "$work/expr.nix" -A "$1" 2>"$work/build.log" || { tail -n 20 "$work/build.log" >&2; die "$1 does not build"; }; }
jailed=$(build jailed)
spec=$(build spec)
[ "$(build again)" = "$spec" ] || die "the spec of the package is not that of mkSpec"

id jailtest >/dev/null 2>&1 || useradd --create-home --shell /bin/bash jailtest
mkdir -p "$work/user/project"
chown -R jailtest: "$work/user"

# bare COMMAND...: as a user, with nothing of Nix: no program on PATH, and no
# database or daemon in /nix/var.
# shellcheck disable=SC2016 # the inner shell's "$@"
bare() {
  unshare --mount -- sh -ec 'mount -t tmpfs none /nix/var; cd "$1"; shift; exec "$@"' sh "$work/user/project" "${trace[@]}" \
    setpriv --reuid=jailtest --regid=jailtest --init-groups \
    env -i HOME="$work/user" USER=jailtest PATH=/nowhere "$@" </dev/null
}
trace=()
# shellcheck disable=SC2153 # CLAUDE is set by hack/store/up.sh
version=$("$CLAUDE/bin/claude" --version)
got=$(bare "$jailed/bin/jailed-claude" --version 2>"$work/run.log") || { cat "$work/run.log" >&2; die "the jailed agent does not run"; }
[ "$got" = "$version" ] || die "the jailed agent says $got, not $version"

# Which programs are executed on the way: the script, the tool, the agent.
trace=(strace --follow-forks --quiet=all -e "trace=execve,connect" -o "$work/strace")
bare "$jailed/bin/jailed-claude" --version >/dev/null 2>&1 || die "the jailed agent does not run under strace"
grep -q "execve(.*$CLAUDE/bin" "$work/strace" || die "strace did not see the agent: the check tells nothing"
executed=$(sed -n 's/.* execve("\([^"]*\)".* = 0$/\1/p' "$work/strace")
if nix=$(grep -E '(^|/)nix[^/]*$' <<<"$executed"); then die "a program of Nix was executed: $nix"; fi
if asked=$(grep 'connect(.*daemon-socket' "$work/strace"); then die "the Nix daemon was asked: $asked"; fi
trace=()

# The jail has the closure alone, and the policy that was baked in.
bare "$jailed/bin/jailed-claude-jail" shell -- bash -c 'printf "%s\n" /nix/store/*; echo "$BAKED"; ls -d /sys/class/net/eth0 2>/dev/null || true' \
  >"$work/inside" 2>"$work/run.log" || { cat "$work/run.log" >&2; die "jailed-claude-jail shell does not run"; }
closure=$(nix-store --query --requisites "$CLAUDE" "$BASE" | sort -u)
[ "$(cat "$work/inside")" = "$closure"$'\nyes' ] || { diff "$work/inside" <(echo "$closure"; echo yes) >&2 || true; die "the jail does not have the closure, or not the policy"; }
bare "$jailed/bin/jailed-claude-jail" explain >"$work/explained" 2>&1 || die "jailed-claude-jail explain fails"
grep -q 'jailed-claude-policy.toml' "$work/explained" || die "explain does not name the baked policy"
# A stronger layer has its way.
got=$(bare "$jailed/bin/jailed-claude-jail" shell --env BAKED=no -- bash -c 'echo "$BAKED"' 2>/dev/null)
[ "$got" = no ] || die "the flag does not replace the baked policy: $got"

# The specification is canonical JSON, the same as the program's own.
policy=$(sed -n 's/^export JAILED_CLAUDE_POLICY=//p' "$jailed/bin/jailed-claude")
info=$(sed -n 's/^export JAILED_CLAUDE_CLOSURE=//p' "$jailed/bin/jailed-claude")
bare "$JAIL_TEST_BIN" spec --portable --policy "$policy" --closure "$info" --package "$CLAUDE/bin/claude" >"$work/spec" 2>"$work/run.log" ||
  { cat "$work/run.log" >&2; die "spec --portable"; }
cmp "$work/spec" "$spec" || die "mkSpec and spec --portable differ"
grep -q '"BAKED=yes"' "$spec" || die "the policy is not in the specification"

# A bundle is made on the host, and runs elsewhere.
bundle=$(build bundle)
cmp "$bundle/config.json" "$spec" || die "mkBundle has another config.json than mkSpec"
bare "$bundle/bin/jailed-claude-bundle" "$work/user/bundle" -- bash -c 'echo "$BAKED"; echo /nix/store/*' 2>"$work/run.log" ||
  { cat "$work/run.log" >&2; die "jailed-claude-bundle makes no bundle"; }
if runc=$(command -v runc); then
  got=$(bare "$runc" --root "$work/user/runc" run --bundle "$work/user/bundle" "jcn$$" 2>"$work/run.log") || { cat "$work/run.log" >&2; die "runc does not run the bundle"; }
  [ "$got" = yes$'\n'"${closure//$'\n'/ }" ] || die "the bundle under runc says: $got"
fi

say "a jailed agent was built, and ran without Nix"
