#!/usr/bin/env bash
# installed.sh DEB: a package in a new Debian: installed, used by an ordinary user,
# removed, and nothing is left of it. Needs root, debootstrap and a mirror.
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=installed
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../debian.sh
. "$HACK/debian.sh"

[ "$#" = 1 ] || die "usage: installed.sh DEB"
[ "$(id -u)" = 0 ] || skip "a Debian of its own takes root"
root=$(mktemp -d /var/tmp/jcp.XXXXXX)
trap 'rm -rf "$root"' EXIT
debian_fresh "$root"
cp "$1" "$root/srv/package.deb"
cat >"$root/srv/steps" <<'STEPS'
#!/bin/bash
set -euo pipefail
# A minimal image leaves the manual out of every package.
rm -f /etc/dpkg/dpkg.cfg.d/docker
all() { find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /srv -o -path /home -o -path /var/lib/dpkg -o -path /var/log \) -prune -o -print | sort; }
useradd --create-home --shell /bin/bash user
as_user() { setpriv --reuid=user --regid=user --init-groups env HOME=/home/user USER=user LOGNAME=user bash -euc "mkdir -p ~/project; cd ~/project; $1"; }
all >/srv/before
dpkg --install /srv/package.deb
echo "version: $(as_user 'jailed-claude --version')"
echo "inside: $(as_user 'echo text >file; jailed-claude shell --net none --package host -- sh -c "cat file; ls -A /home/user"')"
gzip --test /usr/share/man/man1/jailed-claude*.gz
zcat /usr/share/man/man1/jailed-claude-run.1.gz | grep '^\.SH SYNOPSIS'
grep -c 'jailed-claude' /usr/share/bash-completion/completions/jailed-claude
bash -n /usr/share/bash-completion/completions/jailed-claude
# The profile is there where AppArmor has a word in user namespaces, and not here.
[ ! -e /etc/apparmor.d/jailed-claude ]
mkdir -p /etc/apparmor.d/abi
touch /etc/apparmor.d/abi/4.0
dpkg --install /srv/package.deb
cmp /etc/apparmor.d/jailed-claude /usr/share/jailed-claude/apparmor
dpkg --remove jailed-claude
rm -r /etc/apparmor.d/abi
rmdir /etc/apparmor.d 2>/dev/null || true
all >/srv/after
diff /srv/before /srv/after
STEPS
chmod 0755 "$root/srv/steps"
out=$(in_system "$root" --mount --pid --ipc --uts --net -- \
  env -i LANG=C.UTF-8 TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /srv/steps 2>&1) || { printf '%s\n' "$out" >&2; die "$1 does not do in a new Debian"; }
grep -q '^inside: text$' <<<"$(tr -d '\r' <<<"$out")" || { printf '%s\n' "$out" >&2; die "no jail starts in a new Debian"; }
say "$(basename "$1"): installed, used and removed in a new Debian"
