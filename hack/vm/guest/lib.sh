# lib.sh: for the tests that run in the virtual machine, as root. Sourced.
# shellcheck shell=bash disable=SC2034

JAIL=/payload/bin/jailed-claude
n=0 failed=0

# check NAME CMD...: one line of TAP. Output of CMD is shown if it fails.
check() {
  local name=$1 out
  shift
  n=$((n + 1))
  if out=$("$@" 2>&1); then
    echo "ok $n - $name"
  else
    echo "not ok $n - $name"
    printf '%s\n' "${out:-($* says nothing)}" | sed 's/^/#   /'
    failed=1
  fi
}

# finish ends the test.
finish() {
  echo "1..$n"
  exit "$failed"
}

# within SECONDS CMD...: CMD succeeds before that; where the processor is
# emulated, which beside other work takes a minute for one start, before five times that.
patience=1
[ "$(systemd-detect-virt)" = kvm ] || patience=5
within() {
  local end=$((SECONDS + $1 * patience))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.3
  done
}

is() { [ "$1" = "$2" ] || { echo "is:     $1"; echo "should: $2"; return 1; }; }
has() { case $1 in *"$2"*) ;; *) echo "$1"; echo "lacks: $2"; return 1 ;; esac; }

# session USER CMD...: CMD in a session of its own as sshd makes one, by PAM
# and logind. As there, something stays in it when CMD moves on: a session
# whose last process has left is over. Standard input is empty.
session() {
  local user=$1
  shift
  systemd-run --quiet --wait --pipe --collect -p PAMName=login -p User="$user" -p WorkingDirectory="/home/$user" \
    bash -c '"$@"; exit $?' session "$@" </dev/null
}

# delegated USER CMD...: CMD in a cgroup that is USER's, without a session.
delegated() {
  local user=$1
  shift
  systemd-run --quiet --wait --pipe --collect -p User="$user" -p Delegate=yes -p WorkingDirectory="/home/$user" "$@" </dev/null
}

# jails are the cgroups of jails, and other things of ours.
jails() { find /sys/fs/cgroup -name '*jailed-claude-*'; }
none() { [ -z "$(jails)" ] || { jails; return 1; }; }
# jail prints the cgroup in which the one jailed program is.
jail() { find /sys/fs/cgroup -path '*jailed-claude-*/jail'; }
# populated: the jail's program runs. Before, the supervisor itself is in its cgroup
# for a while, and no limit is set yet.
# shellcheck disable=SC2046 # a list of files
populated() { local d; d=$(jail) && [ -n "$d" ] && grep -Eqx 'bash|sleep' $(sed 's,.*,/proc/&/comm,' "$d/cgroup.procs") /dev/null 2>/dev/null; }

# project USER makes a folder to jail, and prints it.
project() {
  mkdir -p "/home/$1/project"
  chown "$1:" "/home/$1/project"
  echo "/home/$1/project"
}

# shell [FLAGS] -- CMD: the command line of a jail, for the ones above.
shell=("$JAIL" shell --closure /payload/base.closure --net none)
