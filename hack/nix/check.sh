#!/usr/bin/env bash
# check.sh: what `make check-nix` runs. Evaluates the flake with a stand-in for
# nixpkgs (stub/), for there is neither nixpkgs nor a network here: every
# output, the overlay, overrides, both modules, and each Nix example of the
# documentation; and that a wrong policy is refused by name. Then, where the
# test store is (hack/store/up.sh), build.sh makes a jailed agent of the real
# Claude Code with it and runs that.
#
#   JAIL_NIX=PROGRAM-FOLDER   another Nix than the one on PATH (newer.sh)
#   JAIL_TEST_MUST_RUN=1      what cannot be checked here is a failure
#
# Evaluating writes derivations into the store: root, or a Nix daemon. Exit
# status 77, with the reason, where there is no Nix that can.
set -euo pipefail
ME=check-nix
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$(dirname "$0")/env.sh"

failed=0
fail() { say "$*"; failed=1; }
# well WHAT COMMAND...: the command succeeds; its output is shown where not.
well() {
  local what=$1
  shift
  if ! "$@" >"$work/log" 2>&1; then
    fail "$what:"
    sed '/^warning: \|^evaluating /d' "$work/log" | tail -n 15 >&2
  fi
}

copy_sources
flake=(--no-write-lock-file --override-input nixpkgs "path:$work/src/hack/nix/stub" "path:$work/src")
well "nix flake show" nix flake show "${flake[@]}"
for output in packages overlays nixosModules templates devShells formatter checks; do
  grep -q "$output" "$work/log" || fail "nix flake show has no $output"
done
well "nix flake check" nix flake check --no-build "${flake[@]}"

evaluate() { nix-instantiate --eval --strict --json --read-write-mode "$@"; }
if ! result=$(evaluate --arg example null "$work/src/hack/nix/eval.nix" 2>"$work/log"); then
  fail "hack/nix/eval.nix:"
  tail -n 15 "$work/log" >&2
elif [[ ! $result =~ ^\{\"count\":[1-9][0-9]*,\"failed\":\[\]\}$ ]]; then
  fail "hack/nix/eval.nix: $result"
fi

# refuses POLICY WORDS: the evaluation fails, and names the key. One policy is
# checked by all that takes policies.
refuses() {
  local policy=$1 words=$2 function
  for function in "checkPolicy ($policy)" "(makeJailedClaude { inherit pkgs; policy = $policy; }).drvPath" \
    "(mkBundle { inherit pkgs; policy = $policy; }).drvPath" "(mkSpec { inherit pkgs; policy = $policy; }).drvPath" "(mkPolicy { inherit pkgs; policy = $policy; }).drvPath"; do
    if evaluate --expr "let pkgs = import $work/src/hack/nix/stub { system = \"x86_64-linux\"; };
      in with import $work/src/spec/nix/lib.nix { overlay = import $work/src/spec/nix/overlay.nix \"x\"; }; $function" >"$work/log" 2>&1; then
      fail "$function: evaluates"
    elif ! grep -qF -- "$words" "$work/log"; then
      fail "$function: does not say: $words"
      tail -n 5 "$work/log" >&2
    fi
  done
}
refuses '{ files.reed = [ "/x" ]; }' 'files.reed: unknown key: [files] has cache'
refuses '{ filez = { }; }' 'filez: unknown key'
refuses '{ network.mode = "some"; }' 'network.mode: "some" is not known: write "'
refuses '{ network = "none"; }' 'network: is a string: write an attribute set'
refuses '{ files.read = "/x"; }' 'files.read: is a string: write a list'
refuses '{ files.read = [ "/x" 1 ]; }' 'files.read[1]: is an integer: write a string'
refuses '{ limits.pids = "many"; }' 'limits.pids: is a string: write a whole number'
refuses '{ limits.pids = 0; }' 'limits.pids: 0 is not from 1 to 4194304'
refuses '{ limits.memory = "8G"; }' 'limits.memory: "8G" does not match'
refuses '{ env.set.CI = 1; }' 'env.set.CI: is an integer: write a string'
refuses '{ broker = [ { name = "x"; hedder = "x"; } ]; }' 'broker[0].hedder: unknown key'
refuses '{ broker.name = "x"; }' 'broker: is an attribute set: write a list'
refuses '{ version = 2; }' 'version: 2 is not known: write 1'
refuses '17' 'write an attribute set, or the path of a TOML file'

# refuses_module MODULE FILE: an error in the settings of a module.
refuses_module() {
  if evaluate --expr "let pkgs = import $work/src/hack/nix/stub { system = \"x86_64-linux\"; }; inherit (pkgs) lib;
    jail = import $work/src/spec/nix/lib.nix { overlay = import $work/src/spec/nix/overlay.nix \"x\"; };
    in (lib.evalModules { specialArgs = { inherit lib pkgs; }; modules = [ (import $work/src/spec/nix/$1 jail) $work/src/hack/nix/stub/$1
      { programs.jailed-claude = { enable = true; settings.files.reed = [ ]; }; } ]; }).config.$2" >"$work/log" 2>&1; then
    fail "$1: a wrong setting evaluates"
  elif ! grep -qF 'files.reed: unknown key' "$work/log"; then
    fail "$1: does not name the setting"
    tail -n 5 "$work/log" >&2
  fi
}
refuses_module nixos.nix 'environment.systemPackages'
refuses_module home.nix 'home.packages'

# A jail whose closure is fixed asks for nothing that needs Nix.
baked() {
  if evaluate --expr "let pkgs = import $work/src/hack/nix/stub { system = \"x86_64-linux\"; };
    in with import $work/src/spec/nix/lib.nix { overlay = import $work/src/spec/nix/overlay.nix \"x\"; }; (makeJailedClaude { inherit pkgs; policy = $1; }).drvPath" >"$work/log" 2>&1; then
    fail "makeJailedClaude takes $1"
  elif ! grep -qF -- "$2" "$work/log"; then
    fail "makeJailedClaude does not say: $2"
  fi
}
baked '{ agent.packages = [ "nixpkgs#jq" ]; }' 'agent.packages: "nixpkgs#jq" needs Nix at the start'
baked '{ agent.packages = [ "/nix/store/00000000000000000000000000000000-x" ]; }' 'needs Nix at the start'
baked '{ agent.package = "nixpkgs#claude-code"; }' 'agent.package: is baked in'

# Every ```nix block of the documentation.
examples=0
for document in README.md docs/*.md; do
  awk -v out="$work/example-$(basename "$document" .md)" '
    /^```nix$/ { n++; file = out "-" n ".nix"; next }
    /^```/ { file = "" }
    file { print > file }' "$document"
done
for example in "$work"/example-*.nix; do
  [ -e "$example" ] || continue
  name=$(basename "$example" .nix)
  if ! result=$(evaluate --arg example "$example" "$work/src/hack/nix/eval.nix" 2>"$work/log"); then
    fail "$name of the documentation:"
    cat "$example" >&2
    tail -n 8 "$work/log" >&2
  elif [[ ! $result =~ \"found\":[1-9] ]]; then
    fail "$name of the documentation leads to no derivation: the check tells nothing"
  fi
  examples=$((examples + 1))
done
[ "$examples" -ge 5 ] || fail "the documentation has $examples Nix examples: were they not found?"

if [ -n "${JAIL_NIX:-}" ]; then # the rest is not about Nix's version
  if [ "$failed" = 0 ]; then say "the flake evaluates, $examples examples too"; fi
  exit "$failed"
fi

# An import of a new module changes it.
if go_program >/dev/null; then
  well "hack/vendor-hash.sh" env HOME="$home" "$HACK/vendor-hash.sh" --check
else
  say "vendorHash is not checked: Go is not installed"
  [ "$JAIL_TEST_MUST_RUN" != 1 ] || failed=1
fi

# nixfmt comes from nixpkgs, Debian has none.
if command -v nixfmt >/dev/null 2>&1; then
  mapfile -d '' -t files < <(find flake.nix spec hack -name '*.nix' -print0)
  well "nixfmt" nixfmt --check "${files[@]}"
else
  say "nixfmt is not installed: formatting is checked by \`nix flake check\` alone"
fi

status=0
HOME=$home "$HACK/nix/build.sh" || status=$?
case $status in
  0) ;;
  "$SKIP") [ "$JAIL_TEST_MUST_RUN" != 1 ] || failed=1 ;;
  *) failed=1 ;;
esac
if [ "$failed" = 0 ]; then say "the flake evaluates, $examples examples too"; fi
exit "$failed"
