#!/usr/bin/env bash
# session.sh: records a short session on a real terminal (tmux) and renews
# docs/session.svg, the picture in the README. Needs the test store
# (hack/store/up.sh), bin/jailed-claude (make build) and tmux; run it as root,
# it plays an ordinary user in a network namespace of her own.
set -euo pipefail
ME=picture
# shellcheck source-path=SCRIPTDIR source=../../lib.sh
. "$(dirname "$0")/../../lib.sh"

[ "$(id -u)" = 0 ] || die "run it as root: it makes a user for the recording"
command -v tmux >/dev/null || die "tmux is missing"
paths=$("$HACK/store/up.sh")
claude=$(sed -n "s/^CLAUDE=//p" <<<"$paths") closure=$(sed -n "s/^DEVENV_NODE_CLOSURE=//p" <<<"$paths")
go=$(go_program)

work=$(mktemp -d /var/tmp/picture.XXXXXX)
user=ada
made=
id "$user" >/dev/null 2>&1 || { useradd --create-home --shell /bin/bash "$user"; made=1; }
clean_up() {
  tmux -L picture kill-server 2>/dev/null || true
  pkill -u "$user" 2>/dev/null || true
  [ -z "$made" ] || userdel --remove "$user" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
chmod 0755 "$work"

CGO_ENABLED=0 "$go" build -buildvcs=false -o "$work/" "$REPO/hack/fakeapi" "$REPO/hack/docs/picture"
cp "$REPO/bin/jailed-claude" "$work/"
home=$(getent passwd "$user" | cut -d: -f6)
install -d -o "$user" -g "$user" -m 0700 "$home/.ssh" "$home/site"
install -o "$user" -g "$user" -m 0600 /dev/stdin "$home/.ssh/id_ed25519" <<<"not a real key"
runuser -u "$user" -- git -C "$home/site" init -q
printf '[user]\n\tname = Ada\n\temail = ada@example.org\n' | install -o "$user" -g "$user" -m 0644 /dev/stdin "$home/.gitconfig"

cat >"$work/rc" <<RC
PS1='\[\e[1;32m\]~/site\[\e[0m\] \$ '
PATH=$work:/usr/bin:/bin
export ANTHROPIC_API_KEY=sk-ant-example-0123456789abcdef
jailed-claude() { command jailed-claude "\$1" --package $claude --closure $closure "\${@:2}"; }
cd ~/site
clear
RC
chmod 0644 "$work/rc"

tmux -L picture -f /dev/null new-session -d -x 132 -y 40 \
  "unshare --net -- sh -c 'ip link set lo up; exec runuser -u $user -- env -i HOME=$home USER=$user TERM=xterm-256color LANG=C.UTF-8 bash --rcfile $work/rc -i'"
# type_line TEXT SECONDS: types a command, and waits until its screen stands.
type_line() {
  tmux -L picture send-keys -l "$1"
  tmux -L picture send-keys Enter
  sleep "$2"
}
sleep 2
type_line "jailed-claude shell -- cat ~/.ssh/id_ed25519" 3
type_line "jailed-claude shell -- sh -c 'echo evil >> .git/config'" 3
type_line "jailed-claude shell -- printenv ANTHROPIC_API_KEY" 3
type_line "jailed-claude run --net filtered --allow @claude -- --version" 3
tmux -L picture capture-pane -e -p >"$work/screen"
cat "$work/screen" >&2
"$work/picture" <"$work/screen" >"$work/session.svg"
install -m 0644 "$work/session.svg" "$REPO/docs/session.svg"
say "docs/session.svg is renewed"
