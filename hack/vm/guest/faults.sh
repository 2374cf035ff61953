#!/bin/bash
# faults.sh: what is left of a jail's cgroup when its start is killed or fails
# at each of its points (runtime/fault), and where memory does not suffice to
# start at all. The program has to be one with faults: hack/soak.sh.
# shellcheck disable=SC2317 # functions are called by check
set -u
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

p=$(project jailtest)
q=$(project loner)
# A shell that first makes room: no process in the cgroup that is divided.
# shellcheck disable=SC2016 # the inner shell expands it
room='own=/sys/fs/cgroup$(sed s/0::// /proc/self/cgroup); mkdir $own/shell && echo 0 >$own/shell/cgroup.procs;'

in_session() { session jailtest env "GOJAIL_FAULT=$1" "${shell[@]}" --project "$p" --memory 64MiB --pids 50 -- true; }
in_delegated() { delegated loner bash -c "$room GOJAIL_FAULT=$1 ${shell[*]} --project $q --memory 64MiB -- true"; }

# The points of every start with limits, in their order; a test of hack/e2e/life
# goes through all.
points="prepared seeded keys log filter hand-over waiting taken-over userns net-begun sources watch tmpfs bundle tree translated
  created started ready network inspected releasing released ended closed"
for how in in_session in_delegated; do
  check "$how: without a fault" "$how" none:error
  for point in $points; do
    for action in kill error; do
      out=$("$how" "$point:$action" 2>&1 </dev/null)
      status=$?
      case $action:$status in
        kill:137 | error:125) ;;
        *) check "$how: $action at $point: exit status $status" is "$out" "" ;;
      esac
      check "$how: $action at $point: nothing is left" within 15 none
    done
  done
done

### Too little memory, from far too little to enough.

for kib in 4 64 256 512 1024 2048 3072 4096 6144 8192 16384; do
  out=$(session jailtest "${shell[@]}" --project "$p" --memory "${kib}KiB" --require limits -- bash -c 'echo ran' 2>/tmp/err)
  status=$?
  echo "# $kib KiB: exit status $status, $(head -c 300 /tmp/err | tr '\n' ' ')"
  case $status in
    0) check "$kib KiB: it ran" is "$out" ran ;;
    125) check "$kib KiB: it says why" has "$(cat /tmp/err)" "jailed-claude: " ;;
    # The kernel has killed the program, or PID 1: no failure of ours.
    137) check "$kib KiB: it did not run" is "$out" "" ;;
    *) check "$kib KiB: exit status $status" is "$(cat /tmp/err)" "" ;;
  esac
  check "$kib KiB: nothing is left" within 15 none
done
check "16 MiB are enough" is "$status" 0
finish
