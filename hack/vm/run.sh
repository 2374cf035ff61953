#!/usr/bin/env bash
# run.sh [TEST]: runs guest/TEST.sh (default: limits) as root in a virtual
# machine that has what a test of limits needs and a container, a CI runner or
# this machine may not: cgroups of version 2 alone, systemd, users with
# sessions. No network, and a disk that forgets everything.
#
# Shows what the test prints, lines of TAP. Exit status: the test's; 77 where
# there can be no such machine, 1 instead if JAIL_TEST_MUST_RUN=1 and /dev/kvm
# is there.
#
#   JAIL_TEST_BIN=FILE   the program (default: bin/jailed-claude)
#   JAIL_VM_LOG=FILE     keep the console's log
set -euo pipefail
ulimit -c 0
# shellcheck disable=SC2034 # for say
ME=vm
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

here=$HACK/vm
tests=${1:-limits}
[ -r "$here/guest/$tests.sh" ] || die "there is no test $tests in hack/vm/guest"
bin=${JAIL_TEST_BIN:-$REPO/bin/jailed-claude}
[ -x "$bin" ] || die "there is no $bin: run make build"

unable() {
  if [ "${JAIL_TEST_MUST_RUN:-}" = 1 ] && [ -e /dev/kvm ]; then die "$*"; fi
  skip "$*"
}
[ "$(uname -m)" = x86_64 ] || unable "the virtual machine is an x86-64 one"
for program in qemu-system-x86_64 mkfs.ext4; do
  command -v "$program" >/dev/null 2>&1 || unable "there is no $program here (packages qemu-system-x86, debootstrap, e2fsprogs)"
done
store=$("$HACK/store/up.sh" 2>/dev/null) || unable "there is no test store (hack/store/up.sh)"
closure=$(sed -n 's/^BASE_CLOSURE=//p' <<<"$store")

image=$(cache_root)/vm/debian
mkdir -p "$(dirname "$image")"
status=0
"$here/image.sh" "$image" || status=$?
case $status in
  0) ;;
  "$SKIP") unable "the virtual machine cannot be made" ;;
  *) exit "$status" ;;
esac

work=$(mktemp -d "${TMPDIR:-/tmp}/jcv.XXXXXX")
qemu=
# shellcheck disable=SC2317 # by the trap
clean_up() {
  [ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT

# What the guest gets, a disk of its own.
mkdir -p "$work/payload/bin" "$work/payload/nix/store"
cp "$bin" "$work/payload/bin/jailed-claude"
cp -r "$here/guest" "$work/payload/guest"
cp "$closure" "$work/payload/base.closure"
while IFS= read -r path; do cp -a "$path" "$work/payload/nix/store/"; done <"$closure"
printf '#!/bin/bash\nexec /payload/guest/%s.sh\n' "$tests" >"$work/payload/main"
chmod 0755 "$work/payload/main" "$work/payload/bin/jailed-claude"
size=$(du -sm "$work/payload" | cut -f1)
truncate -s "$((size * 5 / 4 + 32))M" "$work/payload.img"
mkfs.ext4 -q -F -O ^has_journal -E root_owner=0:0 -d "$work/payload" "$work/payload.img"

machine=(qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -monitor none -nic none -cpu max -smp 1 -m 1024)

# kvm_works: a kernel starts. /dev/kvm alone says little: there are hosts with
# one that runs only kernels of their own kind.
kvm_works() {
  local verdict
  [ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
  verdict=$image/kvm.$(cat /proc/sys/kernel/random/boot_id)
  if [ ! -e "$verdict" ]; then
    # Without a disk it panics at once.
    timeout 20 "${machine[@]}" -machine q35,accel=kvm -kernel "$image/vmlinuz" -append "console=ttyS0 panic=-1" \
      -serial "file:$work/kvm.log" >/dev/null 2>&1 </dev/null &
    wait $! 2>/dev/null || true
    rm -f "$image"/kvm.*
    if grep -aq 'Linux version' "$work/kvm.log" 2>/dev/null; then echo yes; else echo no; fi >"$verdict" 2>/dev/null || return 1
  fi
  [ "$(cat "$verdict")" = yes ]
}
if kvm_works; then
  accel=kvm patience=180
else
  # An emulated processor: a minute to boot, and enough for this.
  say "KVM does not work here: the processor is emulated"
  accel=tcg patience=900
fi

log=${JAIL_VM_LOG:-$work/console.log}
timeout "$patience" "${machine[@]}" -machine "q35,accel=$accel" -kernel "$image/vmlinuz" -initrd "$image/initrd" \
  -drive "file=$image/root.img,format=raw,if=virtio,snapshot=on" \
  -drive "file=$work/payload.img,format=raw,if=virtio,readonly=on" \
  -append "root=/dev/vda rw console=ttyS0 panic=-1 systemd.unified_cgroup_hierarchy=1 systemd.unit=payload.target" \
  -serial "file:$log" -serial "file:$work/out" </dev/null 2>"$work/qemu.log" &
qemu=$!
touch "$work/out"
tail -f --pid="$qemu" -n +1 "$work/out" 2>/dev/null | grep --line-buffered -v -e '^jail-vm: ' -e '^Powering off' || true
ended=0
wait "$qemu" || ended=$?
qemu=
status=$(tr -d '\r' <"$work/out" | sed -n 's/^jail-vm: exit status //p' | tail -n1)
if [ -z "$status" ]; then
  tail -n 20 "$log" "$work/qemu.log" >&2
  if [ "$ended" = 124 ] && [ "$accel" = tcg ]; then unable "emulated, the virtual machine was too slow ($patience s)"; fi
  die "the virtual machine ended before the test did"
fi
exit "$status"
