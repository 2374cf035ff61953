#!/bin/bash
# limits.sh: what becomes of the limits of a jail, and of its cgroup.
# shellcheck disable=SC2317 # functions are called by check
# shellcheck disable=SC2016 # other shells expand these
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

echo "# $(uname -r), $(systemctl --version | head -n1), $(awk '$9 == "cgroup2" || / - cgroup2 / { print $5 }' /proc/self/mountinfo | head -n1) $(cat /sys/fs/cgroup/cgroup.controllers)"
p=$(project jailtest)
q=$(project loner)
r=/var/tmp/project
mkdir -p $r

# started NAME CMD...: CMD in the background, and it makes a jail.
started() {
  local name=$1
  shift
  "$@" >/tmp/started 2>&1 &
  job=$!
  check "$name" within 60 populated
  populated || sed 's/^/#   /' /tmp/started
}
# The supervisor is in the cgroup beside the jail's, perhaps with a janitor.
supervisor() {
  local pid
  while read -r pid; do
    grep -q janitor "/proc/$pid/cmdline" || echo "$pid"
  done <"$(dirname "$(jail)")/supervisor/cgroup.procs"
}
read_back() { cat "$(jail)/$1"; }

### A session as by ssh, with the user's own systemd.

out=$(session jailtest "${shell[@]}" --project "$p" --memory 64MiB --pids 50 --cpus 0.5 --require limits -- \
  bash -c 'tail /dev/zero; echo "hog $?"; sleep 5; exit 3' 2>/tmp/err)
status=$?
check "memory: the hog is killed" has "$out" "hog 137"
check "memory: the jail lives on, and its exit status is its own" is "$status" 3
check "after the end nothing is left" within 10 none
[ "$status" = 3 ] || sed 's/^/#   /' /tmp/err

started "a session's jail starts" session jailtest "${shell[@]}" --project "$p" --memory 64MiB --pids 50 --cpus 0.5 -- sleep 1000
echo "# $(jail)"
check "the user's systemd holds it" has "$(jail)" "/user@1000.service/app.slice/jailed-claude-"
check "memory.max" is "$(read_back memory.max)" $((64 << 20))
check "memory.swap.max" is "$(read_back memory.swap.max)" 0
check "memory.oom.group" is "$(read_back memory.oom.group)" 0
check "pids.max" is "$(read_back pids.max)" 50
check "cpu.max" is "$(read_back cpu.max)" "50000 100000"
check "the jail is PID 1 and its program" is "$(wc -l <"$(jail)/cgroup.procs")" 2
check "beside it is the supervisor alone" is "$(wc -l <"$(dirname "$(jail)")/supervisor/cgroup.procs")" 1
kill -9 "$(supervisor)"
check "kill -9 of the supervisor: no cgroup is left" within 10 none
wait "$job"
units() { [ -z "$(systemctl --user -M jailtest@ list-units --all --plain --no-legend 'jailed-claude-*' 2>&1)" ]; }
check "and no unit" within 10 units

### A fork bomb.

started "a fork bomb starts" session jailtest "${shell[@]}" --project "$p" --pids 20 -- bash -c 'f() { f | f & }; f; sleep 1000'
stopped() { [ "$(awk '$1 == "max" { print $2 }' "$(jail)/pids.events")" -gt 0 ]; }
check "pids: the bomb is stopped" within 30 stopped
check "pids: never more than allowed" test "$(read_back pids.current)" -le 20
check "the supervisor is outside of it" test "$(cat "$(dirname "$(jail)")/supervisor/pids.current")" -gt 1
kill -TERM "$(supervisor)"
within 5 none || kill -KILL "$(supervisor)"
check "the supervisor ends it, nothing is left" within 10 none
wait "$job"

out=$(session jailtest "${shell[@]}" --project "$p" --pids 2 -- bash -c 'echo alone' 2>&1)
check "pids: two are enough for PID 1 and a program" is "$out" alone

### A service of the user's own, and two jails at once.

out=$(session jailtest bash -c "
  for i in 1 2; do
    systemd-run --user --quiet --wait --pipe --collect ${shell[*]} --project $p --memory 100MiB -- bash -c 'echo service; sleep 2' </dev/null &
  done
  wait" 2>&1)
check "two jails in services of the user's" is "$out" $'service\nservice'
check "two jails: nothing is left" within 10 none

### Root, with the system's systemd.

started "root's jail starts" systemd-run --quiet --wait --pipe --collect -p Environment=HOME=/root "${shell[@]}" --project $r --memory 64MiB -- sleep 1000
check "the system's systemd holds it" has "$(jail)" "/system.slice/jailed-claude-"
check "root: memory.max" is "$(read_back memory.max)" $((64 << 20))
kill -9 "$(supervisor)"
check "root: kill -9 leaves no cgroup" within 10 none
wait "$job"

### Without a manager of one's own, in a cgroup that was delegated.

# A shell that first makes room: no process in the cgroup that is divided.
room='own=/sys/fs/cgroup$(sed s/0::// /proc/self/cgroup); mkdir $own/shell && echo 0 >$own/shell/cgroup.procs;'
started "delegated: a jail starts" delegated loner bash -c "$room ${shell[*]} --project $q --memory 64MiB --pids 50 -- sleep 1000; sleep 1000"
echo "# $(jail)"
service=$(dirname "$(dirname "$(jail)")")
check "delegated: memory.max" is "$(read_back memory.max)" $((64 << 20))
check "delegated: supervisor and janitor" is "$(wc -l <"$(dirname "$(jail)")/supervisor/cgroup.procs")" 2
janitor=$(pgrep -f 'cgroup janitor')
check "delegated: the janitor is small" test "$(awk '$1 == "RssAnon:" { print $2 }' "/proc/$janitor/status")" -lt 400
echo "# janitor: $(grep -E 'Rss|Threads' "/proc/$janitor/status" | tr -s '\t\n ' ' ')"
kill -9 -- "-$(ps -o pgid= -p "$(supervisor)" | tr -d ' ')" 2>/dev/null
check "delegated: kill -9 of the process group leaves no cgroup" within 10 none
systemctl kill -s KILL "$(basename "$service")" 2>/dev/null
wait "$job"

started "delegated: once more" delegated loner bash -c "$room ${shell[*]} --project $q --memory 64MiB --pids 50 -- sleep 1000; sleep 1000"
service=$(dirname "$(dirname "$(jail)")")
kill -9 "$(supervisor)"
check "delegated: kill -9 of the supervisor alone leaves no cgroup" within 10 none
check "delegated: and the caller as it was" test -d "$service/shell"
systemctl kill -s KILL "$(basename "$service")"
wait "$job"

# Alone in its cgroup, which is then divided itself, and mended at the end.
leaf="$room echo +memory +pids >\$own/cgroup.subtree_control; mkdir \$own/leaf;"
started "alone: a jail starts" delegated loner bash -c "$leaf (echo 0 >\$own/leaf/cgroup.procs; exec ${shell[*]} --project $q --memory 64MiB -- sleep 1000); sleep 1000"
service=$(dirname "$(dirname "$(dirname "$(jail)")")")
check "alone: the cgroup itself is divided" has "$(jail)" "/leaf/jailed-claude-"
kill -9 "$(supervisor)"
check "alone: kill -9 leaves no cgroup" within 10 none
check "alone: the cgroup is as it was" is "$(cat "$service/leaf/cgroup.subtree_control")" ""
systemctl kill -s KILL "$(basename "$service")"
wait "$job"

out=$(delegated loner bash -c "$room ${shell[*]} --project $q --memory 64MiB -- bash -c 'exit 7'; echo status \$?; sleep 0.5; ls -d \$own/jailed-claude-* 2>&1" 2>&1)
check "delegated: exit status" has "$out" "status 7"
check "delegated: an orderly end leaves nothing" has "$out" "No such file"

### Refusals.

out=$(systemd-run --quiet --wait --pipe --collect -p User=loner -p WorkingDirectory=/home/loner "${shell[@]}" --project "$q" --memory 64MiB -- echo ran </dev/null 2>&1)
check "no manager, nothing delegated: exit status 125" is $? 125
check "no manager: it says so" has "$out" "limits of memory cannot hold: no systemd manager answers for user 1001"
check "no manager: and what to do" has "$out" "loginctl enable-linger 1001"
printf '%s\n' "$out" | sed 's/^/# /'

mkdir -p /etc/systemd/system/user@.service.d
printf '[Service]\nDelegate=\nDelegate=memory pids\n' >/etc/systemd/system/user@.service.d/delegate.conf
systemctl daemon-reload
systemctl stop user@1000.service
out=$(session jailtest "${shell[@]}" --project "$p" --memory 64MiB --cpus 0.5 -- echo ran 2>&1)
check "cpu is not delegated: exit status 125" is $? 125
check "cpu is not delegated: it says so" has "$out" "limits of cpu cannot hold: not delegated to user@1000.service"
check "cpu is not delegated: and what to do" has "$out" "/etc/systemd/system/user@.service.d/delegate.conf"
printf '%s\n' "$out" | sed 's/^/# /'
out=$(session jailtest "${shell[@]}" --project "$p" --memory 64MiB -- echo ran 2>&1)
check "cpu is not delegated: memory is" is "$out" ran
out=$(session jailtest "${shell[@]}" --project "$p" --require limits -- echo ran 2>&1)
check "--require limits without limits" has "$out" "--require limits: it does not hold"
check "at the end nothing is left" within 10 none
finish
