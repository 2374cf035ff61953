#!/usr/bin/env bash
# fresh.sh [COMMIT]: a stranger's first minutes. Makes a minimal Debian 12 with
# nothing in it but git, make, curl and this machine's Go, clones COMMIT (HEAD)
# into it, and does there what the README says, step by step:
#   an ordinary user, nothing installed    make run: names what is missing
#   root                                   make run, make test
#   the ordinary user, packages installed  make run, make test
# Ends with a table of the steps and their times; exit status 1 if one failed.
#
# It needs root, debootstrap and the network of this machine: mirrors, proxies
# and certificates are taken from the configuration here, never written down.
#
#   FRESH_KEEP=1   leave the folder for a look
set -euo pipefail
ME=fresh
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=debian.sh
. "$HACK/debian.sh"

[ "$(id -u)" = 0 ] || die "needs root"
cd "$REPO"
commit=$(git rev-parse --verify "${1:-HEAD}^{commit}")
user=stranger

root=$(mktemp -d /var/tmp/jcf.XXXXXX)
results=$root.results
clean_up() {
  if [ -n "${FRESH_KEEP:-}" ]; then say "left: $root"; else rm -rf "$root"; fi
  rm -f "$results"
}
trap clean_up EXIT
debian_fresh "$root"
cp -a "$("$(go_program)" env GOROOT)" "$root/usr/local/go"
git clone --quiet --no-local --bare "$REPO" "$root/srv/jailed-claude.git"
git -C "$root/srv/jailed-claude.git" update-ref refs/heads/fresh "$commit"

network_as_here "$root"
environment=(LANG=C.UTF-8 TERM=xterm PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
for name in {http,https,no,all}_proxy {HTTP,HTTPS,NO,ALL}_PROXY SSL_CERT_FILE NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE GIT_SSL_CAINFO; do
  if [ -n "${!name:-}" ]; then environment+=("$name=${!name}"); fi
done
for name in GOPROXY GOSUMDB GONOSUMDB GOPRIVATE GOINSECURE; do
  environment+=("$name=$("$(go_program)" env "$name")")
done
if command -v npm >/dev/null; then
  for key in registry cafile proxy https-proxy; do
    value=$(cd / && npm config get "$key" 2>/dev/null) || continue
    case $value in null | undefined | '') ;; *) environment+=("npm_config_${key//-/_}=$value") ;; esac
  done
fi

# inside: what runs in the new root, as its PID 1.
cat >"$root/srv/steps" <<'STEPS'
#!/bin/bash
set -uo pipefail
user=$1
useradd --create-home --shell /bin/bash "$user"
step() { # NAME STATUS OUTPUT AS COMMAND: STATUS and OUTPUT are what has to come out
  local name=$1 want=$2 expect=$3 as=$4 command=$5 start=$SECONDS status result=ok
  printf '\n== %s\n' "$name"
  if [ "$as" = root ]; then
    (cd ~root/jailed-claude && HOME=/root bash -c "$command") </dev/null >/srv/out 2>&1
  else
    setpriv --reuid="$as" --regid="$as" --init-groups env HOME="/home/$as" USER="$as" LOGNAME="$as" \
      bash -c "cd ~/jailed-claude && $command" </dev/null >/srv/out 2>&1
  fi
  status=$?
  tail -n 60 /srv/out
  [ "$status" = "$want" ] && grep -qE -- "$expect" /srv/out || result="FAILED (status $status)"
  printf '%-45s %6d s  %s\n' "$name" $((SECONDS - start)) "$result" >>/srv/results
}
for home in /root "/home/$user"; do
  git clone --quiet --branch fresh /srv/jailed-claude.git "$home/jailed-claude"
done
chown -R "$user:" "/home/$user"
step "user: make run, nothing installed" 2 'apt-get install .*gcc' "$user" 'make run ARGS="-- --version"'
step "root: make run" 0 '^[0-9.]+ \(Claude Code\)$' root 'make run ARGS="-- --version"'
step "user: make run" 0 '^[0-9.]+ \(Claude Code\)$' "$user" 'make run ARGS="-- --version"'
step "root: make test" 0 ' passed, 0 failed, ' root '.ci/run'
step "user: make test" 0 ' passed, 0 failed, ' "$user" 'make test'
step "root: make run, with the store" 0 '^[0-9.]+ \(Claude Code\)$' root 'make run ARGS="-- --version"'
for clone in /root/jailed-claude "/home/$user/jailed-claude"; do
  left=$(git -c safe.directory='*' -C "$clone" status --porcelain)
  printf '%-45s %8s  %s\n' "git status of $clone" "" "${left:+FAILED: }${left:-ok}" >>/srv/results
done
STEPS
chmod 0755 "$root/srv/steps"

say "clone of ${commit:0:12} in a new Debian, $root"
in_system "$root" --mount --pid --ipc --uts -- env -i "${environment[@]}" CI="${CI:-}" /srv/steps "$user" || true
cp "$root/srv/results" "$results" 2>/dev/null || die "the steps did not run"
printf '\n'
cat "$results"
! grep -q FAILED "$results"
