#!/usr/bin/env bash
# image.sh DIR: makes the virtual machine of hack/vm in DIR, once: kernel,
# initrd and root.img, a Debian with systemd and two users. Prints nothing
# when all is there. Exit status 77: it cannot be made here.
#
# Packages come from where apt on this machine gets its own.
set -euo pipefail
# shellcheck disable=SC2034 # for say
ME=vm
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=../debian.sh
. "$HACK/debian.sh"

dir=${1:?usage: image.sh DIR}
suite=bookworm
packages=(systemd systemd-sysv dbus dbus-user-session libpam-systemd util-linux procps linux-image-cloud-amd64)

recipe=$(sha256sum "$0" | cut -d' ' -f1)
if [ "$(cat "$dir/recipe" 2>/dev/null)" = "$recipe" ]; then exit 0; fi
[ "$(id -u)" = 0 ] || skip "the virtual machine is made by root, once: sudo hack/vm/image.sh $dir"
for program in debootstrap mkfs.ext4 apt-get; do
  command -v "$program" >/dev/null 2>&1 || skip "there is no $program here"
done
# shellcheck disable=SC2016 # these are for apt
mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
  awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || skip "apt has no lists of Debian's $suite here (apt-get update)"

say "making a virtual machine of Debian's $suite (a minute or two, once)"
mkdir -p "$(dirname "$dir")"
new=$(mktemp -d "$dir.XXXXXX")
chmod 0755 "$new"
trap 'remove_system "$new"' EXIT
root=$new/root
if ! debootstrap --variant=minbase --include="$(IFS=,; echo "${packages[*]}")" "$suite" "$root" "$mirror" >"$new/log" 2>&1; then
  skip "debootstrap: $(grep -m1 '^[EW]:' "$new/log" || tail -n1 "$new/log")"
fi

echo vm >"$root/etc/hostname"
# jailtest has sessions and a systemd manager, loner has neither.
chroot "$root" useradd --uid 1000 --create-home --shell /bin/bash jailtest
chroot "$root" useradd --uid 1001 --create-home --shell /bin/bash loner
cat >"$root/etc/systemd/system/payload.target" <<'UNIT'
[Unit]
Requires=basic.target dbus.socket systemd-logind.service payload.service
After=basic.target
AllowIsolate=yes
UNIT
cat >"$root/etc/systemd/system/payload.service" <<'UNIT'
[Unit]
After=basic.target dbus.socket systemd-logind.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/payload
StandardInput=null
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
UNIT
mkdir "$root/payload" "$root/nix"
cat >"$root/usr/local/sbin/payload" <<'SH'
#!/bin/bash
stty raw 2>/dev/null </dev/ttyS1
mount -o ro /dev/vdb /payload && mount --bind /payload/nix /nix && /payload/main
echo "jail-vm: exit status $?"
sync
systemctl poweroff --force --force
SH
chmod 0755 "$root/usr/local/sbin/payload"
# Little to load, for emulated processors too.
sed -i 's/^MODULES=.*/MODULES=list/' "$root/etc/initramfs-tools/initramfs.conf"
printf '%s\n' virtio_pci virtio_blk >>"$root/etc/initramfs-tools/modules"
chroot "$root" update-initramfs -u >>"$new/log" 2>&1 || { tail "$new/log" >&2; die "update-initramfs"; }

cp "$root"/boot/vmlinuz-* "$new/vmlinuz"
cp "$root"/boot/initrd.img-* "$new/initrd"
find "$root"/boot "$root"/var/cache/apt "$root"/var/lib/apt/lists "$root"/usr/share/{doc,man,locale} -mindepth 1 -delete
truncate -s 1G "$new/root.img"
mkfs.ext4 -q -F -O ^has_journal -d "$root" "$new/root.img"
rm -rf "$root" "$new/log"
echo "$recipe" >"$new/recipe"
rm -rf "$dir"
mv "$new" "$dir"
trap - EXIT
