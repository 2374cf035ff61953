# env.sh: Nix for the checks of the flake, in a copy of the sources. Sourced.
# shellcheck shell=bash disable=SC2034
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

cd "$REPO" || exit
[ "${CI:-}" = true ] && JAIL_TEST_MUST_RUN=1
: "${JAIL_TEST_MUST_RUN:=}"
if [ -n "${JAIL_NIX:-}" ]; then PATH=$JAIL_NIX:$PATH; fi
if ! command -v nix-instantiate >/dev/null 2>&1; then
  # What deps.sh installs needs a Debian and root; elsewhere Nix may be missing.
  [ "$JAIL_TEST_MUST_RUN" != 1 ] || die "Nix is not installed"
  skip "Nix is not installed (apt-get install nix-bin)"
fi

work=$(mktemp -d /var/tmp/jcn.XXXXXX)
trap 'chmod -R u+w "$work" 2>/dev/null || true; rm -rf "$work"' EXIT
chmod 0755 "$work"

# Neither the host's nix.conf nor the caller's: no substituter, no registry.
mkdir "$work/conf" "$work/home"
cat >"$work/conf/nix.conf" <<'CONF'
build-users-group =
sandbox = false
substituters =
require-sigs = false
experimental-features = nix-command flakes
warn-dirty = false
CONF
printf 'flake-registry = %s/registry.json\n' "$work/conf" >>"$work/conf/nix.conf"
echo '{"flakes":[],"version":2}' >"$work/conf/registry.json"
# Of the caller's home only Go's caches matter: HOME="$home" COMMAND.
home=$HOME
export NIX_CONF_DIR=$work/conf NIX_USER_CONF_FILES=/dev/null HOME=$work/home
unset NIX_PATH NIX_CONFIG NIX_STORE_DIR NIX_STATE_DIR XDG_CACHE_HOME XDG_CONFIG_HOME

if [ "$(id -u)" = 0 ]; then
  unset NIX_REMOTE
  mkdir -p /nix/store
elif [ -S /nix/var/nix/daemon-socket/socket ]; then
  export NIX_REMOTE=daemon
else
  skip "evaluating writes into the Nix store: run as root, or start a Nix daemon"
fi

# copy_sources: the files of the checkout as they are now, as a flake would see
# them if they were committed. Nix needs no git that way.
copy_sources() {
  mkdir "$work/src"
  { git -c safe.directory='*' ls-files --cached --others --exclude-standard --deduplicate -z 2>/dev/null || find . -path ./.git -prune -o -type f -print0; } |
    while IFS= read -r -d '' file; do
      if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
    done | tar --null --files-from=- --create --file=- | tar --extract --no-same-owner --directory="$work/src" --file=-
}
