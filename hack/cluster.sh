#!/usr/bin/env bash
# cluster.sh [AGENTS]: a node for real. Builds the kubelet from the Go module
# proxy (hack/cluster/go.mod), takes containerd from Debian, and runs AGENTS (20)
# jailed agents as Pods in both forms that "export pod" writes, and the same
# without any of ours, against a scripted API. Prints tables, and leaves nothing:
# network, mounts and processes are in namespaces of their own.
#
# The kubelet has its Pods from a folder: there is no API server, so what that
# checks and schedules is not tried here (hack/kube has its verdicts).
#
# Needs root, debootstrap, 4 GB in /var/cache and 3 GB in /var/tmp. The first run
# takes long: it compiles 1,800 packages. Not part of "make test".
#
#   CLUSTER_ROUNDS=3   how often each form is timed
#   CLUSTER_AUDIT=0    without the attacks of the audit, all of them from inside a Pod
#                      of each form; "only": nothing else
set -euo pipefail
ME=cluster
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=debian.sh
. "$HACK/debian.sh"

[ "$(id -u)" = 0 ] || die "needs root: sudo make check-cluster"
audit=${CLUSTER_AUDIT:-1}
case $audit in 0 | 1 | only) ;; *) die "CLUSTER_AUDIT is 0, 1 or only" ;; esac
agents=${1:-20}
cache=$(cache_root)/cluster
go=$(go_program) || die "Go is not installed"
mkdir -p "$cache/bin"

kubernetes=$(sed -n 's/^\(require\)\?[ \t]*k8s.io\/kubernetes \(v[0-9.]*\).*/\2/p' "$HACK/cluster/go.mod")
kubelet=$cache/bin/kubelet-$kubernetes
if [ ! -x "$kubelet" ]; then
  say "building the kubelet $kubernetes, once; on 2 processors it takes 10 minutes or more"
  version=k8s.io/component-base/version
  (cd "$HACK/cluster" && GOFLAGS='' CGO_ENABLED=0 "$go" build -trimpath -buildvcs=false -o "$kubelet.new" \
    -ldflags "-s -w -X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${kubernetes#v1.}" k8s.io/kubernetes/cmd/kubelet)
  mv "$kubelet.new" "$kubelet"
fi
# Debian's own containerd of a release is too old for user namespaces of Pods.
root=$cache/debian
if [ ! -d "$root" ]; then
  say "debootstrap sid with containerd, once"
  (
    trap 'remove_system "$root.new"' EXIT
    remove_system "$root.new"
    DEBIAN_SUITE=sid debian_made "$root.new" "$cache/debootstrap.log" containerd runc containernetworking-plugins iproute2 git
    chroot "$root.new" useradd --uid 1000 --create-home agent
    rm -rf "$root.new"/var/cache/apt/archives/*.deb "$root.new"/var/lib/apt/lists/*
    mv "$root.new" "$root"
  )
fi
"$HACK/build.sh"

work=$(mktemp -d /var/tmp/jck.XXXXXX)
# All that a kubelet makes outside of its namespaces is below one cgroup.
group=jc-cluster-$$
clean_up() {
  local dir
  for dir in /sys/fs/cgroup/"$group" /sys/fs/cgroup/*/"$group"; do
    [ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} + || true
  done
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
chmod 0755 "$work"
mkdir -p "$work"/{bin,images,log,manifests,agents,pki,cni,home,lib/containerd,lib/kubelet/seccomp}
chmod 1777 "$work/manifests" "$work/agents"
install -m 0755 "$kubelet" "$work/bin/kubelet"
install -m 0755 "$REPO/bin/jailed-claude" "$HACK/cluster/inside.sh" "$work/bin/"
(cd "$HACK/cluster" && GOFLAGS='' CGO_ENABLED=0 "$go" build -trimpath -buildvcs=false -ldflags '-s -w' -o "$work/bin/cluster" .)
CGO_ENABLED=0 "$go" -C "$REPO" build -o "$work/bin/fakeapi" ./hack/fakeapi
cp "$HACK/cluster/turns.json" "$work/turns.json"

declare -A store
while IFS='=' read -r name value; do store[$name]=$value; done < <("$HACK/store/up.sh")
agent=(--package "${store[DEVENV_NODE]}" --closure "${store[DEVENV_NODE_CLOSURE]}" --policy none)
project() { (git init --quiet "$1" && cd "$1" && echo SECRET >.env && mkdir secrets && echo SECRET >secrets/key && echo '{}' >.mcp.json); }
project "$work/project"
project "$work/home/project"
jailed() { (cd "$work/project" && env -u ANTHROPIC_API_KEY HOME="$work/home" "$work/bin/jailed-claude" "$@"); }
digest=$(jailed image "${agent[@]}" "$work/images/agent")
export_pod() { # NAME FORM ARGS
  local name=$1 form=$2 profile there
  shift 2
  profile=$work/$name.profile
  jailed export pod "${agent[@]}" --image "127.0.0.1:5000/agent@$digest" --name "$name" --volume work --form "$form" --network-policy none --certificates ca --hide .env --hide secrets/ \
    --seccomp "$profile" "$@" >"$work/$name.json" 2>"$work/$name.said"
  there=$(sed -n 's/.*"localhostProfile": "\(.*\)".*/\1/p' "$work/$name.json" | head -n 1)
  install -m 0644 "$profile" "$work/lib/kubelet/seccomp/$there"
}
for form in plain own; do
  export_pod "$form-start" "$form" --net filtered --allow allowed.example:22 -- --version
  export_pod "$form-turn" "$form" --net filtered --allow allowed.example:22 --secret keys -- -p "do it" --dangerously-skip-permissions
  export_pod "$form-audit" "$form" --net none
done
chown -R 1000:1000 "$work/project" "$work/home"
for dir in /sys/fs/cgroup /sys/fs/cgroup/*/; do
  [ ! -e "$dir/cgroup.procs" ] || mkdir -p "$dir/$group"
done

export -f in_system
# shellcheck disable=SC2016 # the inner shell's
unshare --mount --propagation private -- bash -euc '
  work=$1 root=$2 agents=$3 group=$4
  mkdir -p "$root/nix" "$root/var/lib/containerd" "$root/var/lib/kubelet"
  mount --bind "$work" "$root/srv"
  mount --bind "$work/lib/containerd" "$root/var/lib/containerd"
  mount --bind "$work/lib/kubelet" "$root/var/lib/kubelet"
  mount --bind "$work/log" "$root/var/log"
  mount --bind "$work/home" "$root/home/agent"
  mount --bind -o ro /nix "$root/nix"
  in_system "$root" --mount --net --pid --uts --ipc -- env -i PATH=/srv/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    GROUP="$group" ROUNDS="${CLUSTER_ROUNDS:-3}" AUDIT="$5" PACKAGE="$6" CLOSURE="$7" DIGEST="$8" bash /srv/bin/inside.sh "$agents"
' cluster "$work" "$root" "$agents" "$group" "$audit" "${store[DEVENV_NODE]}" "${store[DEVENV_NODE_CLOSURE]}" "$digest"
