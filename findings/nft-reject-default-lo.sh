#!/usr/bin/env bash
# The simplest way to catch all traffic of a network namespace without a TUN device is a default
# route to lo and nftables. A rule `reject` there (nftables' default is an ICMP error) refuses
# nothing: the kernel takes every address for a local one and sends no ICMP error at all, so
# connect() hangs until its SYNs time out. For an address of lo's own the same rule works, which is
# where one tries it first. `reject with tcp reset` refuses both at once.
#
# Matters for: egress filters in network namespaces of sandboxes and rootless containers.
# Seen: nftables 1.0.6 (Debian 12), Linux 6.18, 2026-11-29.
# Needs: apt with Debian 12's archive, iproute2, python3, user namespaces, nf_tables in the kernel.
set -euo pipefail

fail() { echo "nft-reject-default-lo: changed: $*" >&2; exit 1; }
script=$(realpath "$0")
if [ -z "${IN_NAMESPACE:-}" ]; then
  # Outside: fetch. Then again, in a network namespace with nothing but lo.
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  cd "$tmp"
  apt-get -q download nftables=1.0.6-2\* libnftables1=1.0.6-2\* libnftnl11=1.2.4-2 libmnl0=1.0.4-3 \
    libjansson4=2.14-2 libxtables12=1.8.9-2 libedit2=3.1-20221030-2 >/dev/null 2>&1 ||
    { echo "nft-reject-default-lo: cannot fetch nftables 1.0.6 with apt" >&2; exit 1; }
  for package in *.deb; do dpkg-deb -x "$package" root; done
  IN_NAMESPACE=$tmp unshare --user --map-root-user --net bash "$script"
  exit
fi

cd "$IN_NAMESPACE"
nft() { LD_LIBRARY_PATH=$(echo root/usr/lib/*-linux-gnu) root/usr/sbin/nft "$@"; }
nft --version
uname -sr
ip link set lo up
ip route add default dev lo
echo "route to 192.0.2.7: $(ip route get 192.0.2.7 | tr -s ' \n' ' ')"

connect() { # connect ADDRESS: what connect() answers within 3 s
  /usr/bin/python3 - "$1" <<'P'
import errno, socket, sys
s = socket.socket()
s.settimeout(3)
try:
    s.connect((sys.argv[1], 80))
    print("connected")
except TimeoutError:
    print("no answer")
except OSError as e:
    print(errno.errorcode[e.errno])
P
}
sent() { # how many ICMP errors this namespace has sent
  awk '/^Icmp:/ && !n++ { split($0, names); next }
    /^Icmp:/ { for (i in names) if (names[i] == "OutDestUnreachs") print $i }' /proc/net/snmp
}
expect() { # expect RULE ADDRESS ANSWER ERRORS: the answer, and how many ICMP errors were sent
  nft -f - <<N
flush ruleset
table ip finding {
  chain output {
    type filter hook output priority 0
    ip daddr { 127.0.0.2, 192.0.2.7 } meta l4proto tcp $1
  }
}
N
  local before answer errors
  before=$(sent)
  answer=$(connect "$2")
  errors=$(($(sent) - before))
  printf '%-22s %-10s %s, ICMP errors sent: %s\n' "$1" "$2" "$answer" "$errors"
  [ "$answer $errors" = "$3 $4" ] || fail "expected $3 and $4 ICMP errors"
}
expect reject 127.0.0.2 ECONNREFUSED 1
expect reject 192.0.2.7 "no answer" 0
expect 'reject with tcp reset' 127.0.0.2 ECONNREFUSED 0
expect 'reject with tcp reset' 192.0.2.7 ECONNREFUSED 0
