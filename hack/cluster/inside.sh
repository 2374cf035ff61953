#!/bin/bash
# The node and what it runs, as PID 1 of namespaces of its own: with its end all
# of it ends. hack/cluster.sh starts it, with its folder at /srv.
set -euo pipefail
node=10.250.0.1 agents=$1
say() { printf 'cluster: %s\n' "$*" >&2; }
# started NAME COMMAND...: beside this, with its log in /srv/log.
started() {
  local name=$1
  shift
  "$@" </dev/null >"/srv/log/$name" 2>&1 &
}
# answers WHAT COMMAND...: waits for it, five minutes at most.
answers() {
  local what=$1 end=$((SECONDS + 300))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$end" ]; then
      say "$what does not answer; the ends of the logs:"
      tail -n 5 /srv/log/* >&2
      exit 1
    fi
    sleep 0.2
  done
}
ip link set lo up
for address in "$node" 93.184.216.34 93.184.216.35; do ip address add "$address/32" dev lo; done
echo 1 >/proc/sys/net/ipv4/ip_forward
mkdir -p "/srv/certs.d/127.0.0.1:5000" /srv/maps/ca /run/containerd
printf 'nameserver %s\n' "$node" >/srv/resolv.conf

cluster certificates /srv/pki "$node"
chmod 0644 /srv/pki/to-kubelet.key # the audit is an ordinary user's
cluster pause-image /srv/images/pause
started fakeapi fakeapi -addr 127.0.0.1:8080 -tls 127.0.0.1:8443 -ca /srv/maps/ca/ca-certificates.crt -script /srv/turns.json -log /srv/log/requests
started serve cluster serve /srv/images 127.0.0.1:5000 "$node:53" 127.0.0.1:8443

cat >/srv/cni/10-bridge.conflist <<'EOF'
{"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
EOF
cat >/srv/certs.d/127.0.0.1:5000/hosts.toml <<'EOF'
server = "http://127.0.0.1:5000"
[host."http://127.0.0.1:5000"]
  capabilities = ["pull", "resolve"]
EOF
# restrict_oom_score_adj: root of a container or a virtual machine may not lower it.
cat >/srv/containerd.toml <<'EOF'
version = 3
[plugins.'io.containerd.cri.v1.images']
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '127.0.0.1:5000/pause:1'
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '/srv/certs.d'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['/usr/lib/cni']
    conf_dir = '/srv/cni'
EOF
started containerd containerd --config /srv/containerd.toml
answers containerd ctr version

# By containerd itself, which has neither a profile nor limits for them: the image, and
# the bundle of an ordinary user. Root's path is relative to a bundle, which containerd
# makes one of its own of.
inside='id -u; pwd; sed -n "s/^CapEff:\t//p; s/^NoNewPrivs:\t//p; s/^Seccomp_filters:\t//p" /proc/self/status; ls /nix/store | wc -l'
expect() { [ "$2" = "$3" ] || { say "$1: wanted"$'\n'"$2"$'\n'"got"$'\n'"$3"; exit 1; }; }
count=$(grep '^/nix/store/' "$CLOSURE" | sort -u | wc -l) version=$(basename "$(grep -m1 claude-code "$CLOSURE")")
image=127.0.0.1:5000/agent@$DIGEST
ctr images pull --plain-http "$image" >/srv/log/pull 2>&1 || { say "ctr pulls no image: $(tail -n 3 /srv/log/pull)"; exit 1; }
said=$(ctr run --rm --cgroup "/$GROUP/image" "$image" image /.jail/init -- bash -c "$inside; claude --version; exit 7") || said+=$'\n'"status $?"
expect "the image under ctr" "1000
/home/agent/project
0000000000000000
1
2
$count
${version##*-} (Claude Code)
status 7" "$said"
install -d -o 1000 -g 1000 /srv/agents/ctr
as_agent() { (cd /home/agent/project && setpriv --reuid=1000 --regid=1000 --init-groups env -i HOME=/home/agent PATH="$PATH" TERM=xterm "$@"); }
as_agent jailed-claude bundle --package "$PACKAGE" --closure "$CLOSURE" --policy none --net none --hide .env --hide secrets/ /srv/agents/ctr/bundle -- \
  bash -c "$inside; cat .env; ls secrets; (echo x >>.git/config) 2>/dev/null || echo kept; exit 7" >/srv/log/bundle 2>&1
sed -i 's|"path": "rootfs"|"path": "/srv/agents/ctr/bundle/rootfs"|' /srv/agents/ctr/bundle/config.json
said=$(ctr run --rm --config /srv/agents/ctr/bundle/config.json bundle) || said+=$'\n'"status $?"
expect "a bundle under ctr" "1000
/home/agent/project
0000000000000000
1
2
$count
kept
status 7" "$said"
say "ok: $(ctr --version | cut -d' ' -f3) runs the image and an ordinary user's bundle, as other engines do"

# The disk is the machine's, whatever is on it.
cat >/srv/kubelet.yaml <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: /srv/pki/ca.pem}}
authorization: {mode: AlwaysAllow}
tlsCertFile: /srv/pki/kubelet.pem
tlsPrivateKeyFile: /srv/pki/kubelet.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
staticPodPath: /srv/manifests
cgroupDriver: cgroupfs
cgroupRoot: /$GROUP
failCgroupV1: false
failSwapOn: false
containerLogMaxSize: 1Gi
clusterDNS: [$node]
clusterDomain: cluster.local
resolvConf: /srv/resolv.conf
makeIPTablesUtilChains: false
featureGates: {PodLogsQuerySplitStreams: true}
evictionHard: {imagefs.available: 0%, nodefs.available: 0%, nodefs.inodesFree: 0%, memory.available: 100Mi}
imageGCHighThresholdPercent: 100
EOF
# A kubelet sets six kernel settings, and they are the machine's: over each it finds
# a file that says what it wants already. In a mount namespace of its own, or no Pod
# with a user namespace could mount a /proc; what it mounts for Pods, all see.
mkdir /run/settings
mount --make-shared /var/lib/kubelet
# shellcheck disable=SC2016 # the inner shell's
started kubelet unshare --mount --propagation unchanged bash -euc '
  while read -r setting value; do
    file=/run/settings/${setting##*/}
    echo "$value" >"$file"
    mount --bind "$file" "/proc/sys/$setting"
  done <<<"vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000"
  exec kubelet --config /srv/kubelet.yaml --hostname-override node --node-ip "$1" --v 2' kubelet "$node"
answers "the kubelet" cluster answers /srv
say "$(kubelet --version), $(containerd --version | cut -d' ' -f1,3), $(runc --version | head -n 1), Linux $(uname -r), $(nproc) processors; load $(cut -d' ' -f1 /proc/loadavg)"

[ "$AUDIT" = only ] || for work in start turn; do cluster fleet /srv "$work" "$agents" "$ROUNDS"; done

[ "$AUDIT" != 0 ] || exit 0
install -d -o 1000 -g 1000 /srv/agents/audit
cp -r /srv/maps /srv/agents/audit/
chown -R 1000:1000 /srv/agents/audit/maps
for form in plain own; do
  printf '#!/bin/bash\nexec /srv/bin/cluster attack /srv %s "$@"\n' "$form" >"/srv/bin/$form"
  chmod 0755 "/srv/bin/$form"
  as_agent jailed-claude audit --json --package "$PACKAGE" --closure "$CLOSURE" --policy none --net none --hide .env --hide secrets/ --against "/srv/bin/$form" \
    >"/srv/$form.audit" 2>"/srv/log/audit-$form" || true
  cluster through "$form" "/srv/$form.audit"
done
