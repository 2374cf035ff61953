#!/usr/bin/env bash
# daemon.sh start|stop|status: a nix-daemon on the test store, for tests that talk to
# Nix as an unprivileged user. Leaves a daemon that it did not start alone.
# Root only. `start` prints nothing when a daemon answers already; `status`
# says by its exit status alone whether one does (a socket that a killed daemon
# left behind is none).
set -euo pipefail
ME=store
# shellcheck source-path=SCRIPTDIR source=nix.sh
. "$(dirname "$0")/nix.sh"

socket=/nix/var/nix/daemon-socket/socket
pid_file=$STATE/daemon.pid

answers() { [ -S "$socket" ] && NIX_REMOTE=daemon timeout 10 nix store ping >/dev/null 2>&1; }

# ours prints the process id of the daemon that we started, if it still runs.
# A process id alone could be somebody else's by now.
ours() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = nix-daemon ] && echo "$pid"
}

case ${1:-} in
  start)
    if answers; then exit; fi
    become_root "$@"
    if [ ! -d "$STATE" ]; then die "no store yet: run hack/store/up.sh first"; fi
    # A real daemon that is merely started on demand (systemd) must not lose
    # its socket to ours.
    if [ -S "$socket" ] && ! ours >/dev/null && systemctl is-active --quiet nix-daemon.socket 2>/dev/null; then
      die "the machine's own nix-daemon does not answer on $socket"
    fi
    rm -f "$socket"
    write_conf
    HOME=$STATE/home setsid nix-daemon >"$STATE/daemon.log" 2>&1 </dev/null &
    echo $! >"$pid_file"
    for ((i = 0; i < 250; i++)); do
      if answers; then exit; fi
      sleep 0.02
    done
    die "nix-daemon does not answer on $socket: $(tail -n1 "$STATE/daemon.log")"
    ;;
  stop)
    if pid=$(ours); then
      become_root "$@"
      kill "$pid"
      for ((i = 0; i < 250; i++)); do
        [ -e "/proc/$pid" ] || break
        sleep 0.02
      done
      rm -f "$pid_file" "$socket"
    fi
    ;;
  status) answers ;;
  *) die "usage: daemon.sh start|stop|status" ;;
esac
