#!/usr/bin/env bash
# Slurm, of Debian: two nodes on loopback. Jobs that call jailed-claude themselves, and
# jobs in an exported bundle (srun --container), what their submitter has about them,
# and all attacks of "audit" from inside. Needs root (the daemons), and fetches
# slurm-wlm and munge. Not part of "make test".
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=slurm
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || die "needs root: sudo make check-slurm"
for program in slurmd slurmctld munged srun runc jq; do command -v "$program" >/dev/null || missing=yes; done
[ -z "${missing:-}" ] || apt-get install -y --no-install-recommends slurm-wlm munge runc jq >/dev/null
"$HACK/build.sh"

user=jailslurm
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
work=$(mktemp -d /var/tmp/jcs.XXXXXX)
chmod 0755 "$work"
install -m 0755 "$REPO/bin/jailed-claude" "$work/jailed-claude"
install -d -o "$user" "$work/home" "$work/home/project"
mkdir "$work/etc" "$work/ctld" "$work/n1" "$work/n2"
daemons=()
# shellcheck disable=SC2317 # by the trap
clean_up() {
  [ -z "${daemons[*]:-}" ] || kill "${daemons[@]}" 2>/dev/null || true
  wait
  pkill -u "$user" || true
  rm -rf "$work"
}
trap clean_up EXIT

head -c 1024 /dev/urandom >"$work/key"
chmod 0400 "$work/key"
host=$(hostname -s)
cat >"$work/etc/slurm.conf" <<EOF
ClusterName=jail
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17000
AuthType=auth/munge
AuthInfo=socket=$work/munge.sock
SlurmUser=root
StateSaveLocation=$work/ctld
SlurmdSpoolDir=$work/%n
SlurmctldPidFile=$work/ctld.pid
SlurmdPidFile=$work/%n.pid
SlurmctldLogFile=$work/ctld.log
SlurmdLogFile=$work/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 CPUs=8
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 CPUs=8
PartitionName=all Nodes=ALL Default=YES
EOF
# As docs/slurm.md has it.
sed -n '/^    RunTime/s/^    //p' "$REPO/docs/slurm.md" | sed "s|/usr/bin/jailed-claude|$work/jailed-claude|" >"$work/etc/oci.conf"
[ "$(grep -c '^RunTime' "$work/etc/oci.conf")" = 4 ] || die "docs/slurm.md has no oci.conf"
export SLURM_CONF=$work/etc/slurm.conf
daemon() {
  "$@" >>"$work/daemons.out" 2>&1 &
  daemons+=($!)
}
daemon munged --foreground --force --key-file="$work/key" --socket="$work/munge.sock" --pid-file="$work/munge.pid" --log-file="$work/munge.log" --seed-file="$work/seed"
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || { tail -n 20 "$work/daemons.out" "$work"/*.log >&2; die "waited in vain for: $*"; }
    sleep 0.2
  done
}
within 20 test -S "$work/munge.sock"
daemon slurmctld -D
daemon slurmd -D -N n1
daemon slurmd -D -N n2
idle() { [ "$(sinfo --noheader --Format=statelong,nodes 2>/dev/null | tr -d ' ')" = idle2 ]; }
within 60 idle
say "Slurm $(srun --version | cut -d' ' -f2), two nodes"

declare -A store
while IFS='=' read -r name value; do store[$name]=$value; done < <("$HACK/store/up.sh")
base=(--closure "${store[BASE_CLOSURE]}" --policy none)
as_user() { (cd "$work/home/project" && setpriv --reuid="$user" --regid="$user" --init-groups env -i HOME="$work/home" PATH="$PATH" SLURM_CONF="$SLURM_CONF" "$@"); }
# expect WHAT WANT GOT
expect() { [ "$2" = "$3" ] || die "$1: wanted"$'\n'"$2"$'\n'"got"$'\n'"$3"; }
# out CMD...: what it says on standard output, and its status.
out() {
  local status=0
  as_user "$@" 2>"$work/said" || status=$?
  echo "status $status"
}
# refuses WHY CMD...: it ends with 125 and says why.
refuses() {
  local why=$1 status=0
  shift
  as_user "$@" >"$work/said" 2>&1 || status=$?
  { [ "$status" = 125 ] && grep -q "$why" "$work/said"; } || die "wanted 125 and \"$why\"; got $status: $(cat "$work/said")"
}
# Nothing of a job stays: no process, no container, no folder.
gone() { ! pgrep -u "$user" -f '[j]ail' >/dev/null && [ -z "$(ls -d "$work"/n?/oci-* 2>/dev/null)" ]; }

as_user git init --quiet .
as_user bash -c 'echo SECRET >.env'
uid=$(id -u "$user")

# 1. A job that calls jailed-claude.
jail=("$work/jailed-claude" shell "${base[@]}" --net filtered)
# shellcheck disable=SC2016
expect "srun jailed-claude" "$uid
refused
status 7" "$(out srun "${jail[@]}" -- bash -c 'echo $UID; (exec 3<>/dev/tcp/elsewhere.example/443) 2>/dev/null || echo refused; exit 7')"
grep -q '1 destination was refused: elsewhere.example' "$work/said" || die "what was refused is not reported: $(cat "$work/said")"
# shellcheck disable=SC2016
expect "a submitter's variables, with srun jailed-claude" "status 1" "$(out env ANTHROPIC_API_KEY=sk-submitted srun "${jail[@]}" -- bash -c '[ "$ANTHROPIC_API_KEY" = sk-submitted ]')"
as_user srun "${jail[@]}" -- sleep 1000 >"$work/said" 2>&1 &
within 20 pgrep -u "$user" -x sleep >/dev/null
scancel --user="$user"
wait $! && die "a job that was cancelled ended well"
within 20 gone
say "ok: srun jailed-claude: the jail is the same, its exit status is the job's, scancel leaves nothing"

# 2. A job in a bundle.
bundle=$work/home/bundle
as_user "$work/jailed-claude" bundle "${base[@]}" --net filtered --hide .env "$bundle" -- bash -c 'echo the bundle' 2>/dev/null
# shellcheck disable=SC2016
attack='id -u; pwd; cat .env; echo x >>.git/config || echo kept; echo x >/x || echo kept
sed -n "s/^CapInh:\t//p; s/^CapPrm:\t//p; s/^CapEff:\t//p; s/^CapBnd:\t//p; s/^CapAmb:\t//p; s/^NoNewPrivs:\t//p; s/^Seccomp_filters:\t//p" /proc/self/status
(exec 3<>/dev/tcp/elsewhere.example/443) || echo refused; exit 7'
as_user "$work/jailed-claude" bundle --package "${store[DEVENV_NODE]}" --closure "${store[DEVENV_NODE_CLOSURE]}" --policy none --net filtered --hide .env "$bundle-tools" 2>/dev/null
zero=0000000000000000
expect "what holds in a bundle" "$uid
$work/home/project
kept
kept
$zero
$zero
$zero
$zero
$zero
1
2
refused
status 7" "$(out srun --container="$bundle-tools" bash -c "exec 2>/dev/null; $attack")"
# Whatever the submitter has about them, the jail's environment is the bundle's.
as_user srun --export=NONE --container="$bundle" env | sort >"$work/clean"
as_user env ANTHROPIC_API_KEY=sk-submitted LD_PRELOAD=/tmp/x.so BASH_ENV=/tmp/x NODE_OPTIONS=--require=/tmp/x HTTPS_PROXY=http://x GIT_SSH_COMMAND=x \
  srun --export=ALL --container="$bundle" env 2>/dev/null | sort >"$work/dirty"
expect "a submitter's variables" "$(cat "$work/clean")" "$(cat "$work/dirty")"
! grep -qE 'sk-submitted|SLURM|^LD_|^BASH_ENV' "$work/dirty" || die "a variable of the submitter's is in the jail: $(cat "$work/dirty")"
grep -q '^JAILED_CLAUDE=1' "$work/dirty" || die "the bundle's own variables are not there"
# A bundle with more than a jail has is none, nor is anybody else's.
cp -a "$bundle" "$bundle-more"
jq '.process.capabilities.bounding = ["CAP_SYS_ADMIN"]' "$bundle/config.json" >"$bundle-more/config.json"
refuses 'breaks the promises of a jail' srun --container="$bundle-more" true
chmod 0777 "$bundle-more"
refuses 'another user may change it' srun --container="$bundle-more" true
printf '#!/bin/sh\ntrue\n' >"$work/home/script"
as_user sbatch --wait --output="$work/home/out" --container="$bundle" "$work/home/script" >/dev/null || true
grep -q 'call srun --container=BUNDLE in it' "$work/home/out" || die "a batch script: $(cat "$work/home/out")"
rm -rf "$work"/n?/oci-*-batch # Slurm's own
printf '#!/bin/sh\nsrun --container=%s echo in a jail\n' "$bundle" >"$work/home/script"
as_user sbatch --wait --output="$work/home/out" "$work/home/script" >/dev/null
expect "srun in a batch script" "in a jail" "$(cat "$work/home/out")"
as_user srun --container="$bundle" sleep 1000 >"$work/said" 2>&1 &
within 20 pgrep -u "$user" -x sleep >/dev/null
scancel --user="$user"
wait $! && die "a job that was cancelled ended well"
within 20 gone
say "ok: srun --container: PID 1 is in front again, no variable and no capability of the submitter's gets in"

began=$(date +%s%N)
pids=()
for _ in 1 2 3 4 5 6 7 8; do
  as_user srun --container="$bundle" true >>"$work/said" 2>&1 &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || die "one of eight jobs failed: $(cat "$work/said")"; done
within 20 gone
say "ok: 8 jobs at once, filtered network: $((($(date +%s%N) - began) / 1000000)) ms with their queue, nothing is left"

# against NAME ALLOWED: all attacks in what "$work/NAME" starts; only those that ALLOWED
# matches, as "CLASS ATTACK", get through.
against() {
  local through
  as_user "$work/jailed-claude" audit --json "${base[@]}" --net none --hide .env --against "$work/$1" >"$work/$1.json" || true
  through=$(jq -r '.[] | select(.result == "GOT THROUGH") | .class + " " + .attack' "$work/$1.json")
  [ "$(jq '[.[] | select(.result == "held")] | length' "$work/$1.json")" -gt 400 ] || die "$1: too few attacks were tried: $(cat "$work/$1.json")"
  ! grep -vxEq "$2" <<<"$through" || die "$1: these got through as well: $(grep -vxE "$2" <<<"$through")"
  say "ok: $1: $(grep -c . <<<"$through") attacks of $(jq length "$work/$1.json") got through, and no others than docs/slurm.md says"
}
cat >"$work/container" <<EOF
#!/bin/sh
# container PROGRAM ARGS: the attacker in a bundle of its folder.
shift
d=\$(mktemp -u "$work/home/attacked.XXXXXX")
"$work/jailed-claude" bundle ${base[*]} --net none --hide .env "\$d" -- true 2>"$work/home/said" || { cat "$work/home/said" >&2; exit 125; }
srun --container="\$d" /.jail/./init "\$@"; status=\$?
rm -rf "\$d"
exit \$status
EOF
cat >"$work/own" <<EOF
#!/bin/sh
# own PROGRAM ARGS: the attacker in a jail of the job's own.
shift
exec srun "$work/jailed-claude" shell ${base[*]} --net none --hide .env -- /.jail/./init "\$@"
EOF
chmod 0755 "$work/container" "$work/own"
against container 'persistence trust-.*|races race-report|host moves .*|terminal escape-.*'
against own 'terminal escape-.*'
within 20 gone
