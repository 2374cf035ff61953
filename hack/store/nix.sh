# nix.sh: the private Nix set-up of the scripts in hack/store. Sourced.
# shellcheck shell=bash
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# Everything of ours that is not in the store itself: nix.conf, closure lists,
# the link to the sources. Readable for all, as the store is.
STATE=/nix/var/jailed-claude

# Neither /etc/nix nor anything of the caller's is read or written.
export NIX_CONF_DIR=$STATE/conf NIX_USER_CONF_FILES=/dev/null
unset NIX_PATH NIX_REMOTE NIX_CONFIG NIX_STORE_DIR NIX_STATE_DIR

# write_conf makes the private configuration: no substituter, so that nothing
# is ever asked of the network; no sandbox and no build users, because the
# builders use the host's tools.
write_conf() {
  mkdir -p "$NIX_CONF_DIR"
  cat >"$NIX_CONF_DIR/nix.conf" <<CONF
build-users-group =
sandbox = false
substituters =
require-sigs = false
max-jobs = auto
experimental-features = nix-command flakes
flake-registry = $NIX_CONF_DIR/registry.json
CONF
  echo '{"flakes":[],"version":2}' >"$NIX_CONF_DIR/registry.json"
}

# become_root runs the script again through sudo where that needs no password.
become_root() {
  [ "$(id -u)" = 0 ] && return 0
  if sudo -n true 2>/dev/null; then
    exec sudo -n env "PATH=$PATH" "JAIL_STORE_CACHE=${JAIL_STORE_CACHE:-}" "$0" "$@"
  fi
  skip "making a Nix store needs root (run $0 once as root, or allow sudo)"
}
