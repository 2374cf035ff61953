#!/usr/bin/env bash
# Pods: what bundle/pod writes, read with the real types of Kubernetes, judged by
# its Pod Security admission and held against the definitions of Cilium and
# agent-sandbox (hack/kube); and both forms run by Debian's podman. Needs root
# (it makes a user and a mount namespace with cgroup v2 alone, which crun asks
# for), and fetches Go modules and podman. Not part of "make test".
set -euo pipefail
ME=pod
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || die "needs root: sudo make check-pod"
if [ -n "${POD_INSIDE:-}" ]; then
  mount -t cgroup2 none /sys/fs/cgroup
  # Attacks go to the places of the project and the home: in the Pod, those of
  # the image.
  mount -t tmpfs tmpfs /home
  mkdir /home/agent
  mount --make-rshared /
else
  # What is needed of a module that is not linked: its definition of a kind.
  definition() { echo "$(env -C / GOFLAGS= "$(go_program)" mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')/$2"; }
  CILIUM_CRD=$(definition github.com/cilium/cilium@v1.20.2 pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml)
  SANDBOX_CRD=$(definition sigs.k8s.io/agent-sandbox@v0.5.6 k8s/crds/agents.x-k8s.io_sandboxes.yaml)
  export CILIUM_CRD SANDBOX_CRD
  # Not cached: the files that it reads are not of its module.
  (cd "$HACK/kube" && "$(go_program)" test -count=1 ./...)
  say "ok: Kubernetes, Cilium and agent-sandbox take every form, and Pod Security says what the docs say"
  for program in skopeo podman crun jq; do command -v "$program" >/dev/null || missing+=("$program"); done
  [ -z "${missing[*]:-}" ] || apt-get install -y --no-install-recommends "${missing[@]}" uidmap catatonit >/dev/null
  "$HACK/build.sh"
  POD_INSIDE=1 exec unshare --mount --propagation private "$0"
fi

user=jailpod
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
work=$(mktemp -d -u /var/tmp/jcp.XXXXXX | tr "[:upper:]" "[:lower:]") # podman takes a path for a name, without capital letters
mkdir "$work"
install -m 0755 "$REPO/bin/jailed-claude" "$work/jailed-claude"
install -d -o "$user" "$work/user" "$work/user"/{run,home,profiles,policy}
install -d -o "$user" "$work/user/home/project"
chmod 0755 "$work"
mount --bind "$work/user/home" /home/agent
project=/home/agent/project
declare -A store
while IFS='=' read -r name value; do store[$name]=$value; done < <("$HACK/store/up.sh")
agent=(--package "${store[DEVENV_NODE]}" --closure "${store[DEVENV_NODE_CLOSURE]}" --policy none)
as_user() { (cd "$project" && setpriv --reuid="$user" --regid="$user" --init-groups env -i HOME=/home/agent XDG_RUNTIME_DIR="$work/user/run" PATH="$PATH" TERM=xterm "$@"); }
podman() { as_user podman --cgroup-manager=cgroupfs --runtime crun "$@"; }
trap 'cd /; pkill -u "$user" || true; umount /home/agent || true; rm -rf "$work"' EXIT

as_user git init --quiet .
as_user bash -c 'echo SECRET >.env && mkdir secrets && echo SECRET >secrets/key && echo {} >.mcp.json'
as_user "$work/jailed-claude" image "${agent[@]}" --compression none "$work/user/image" >/dev/null
as_user skopeo copy --quiet "oci:$work/user/image:latest" containers-storage:localhost/agent:1
export_pod() { as_user "$work/jailed-claude" export pod "${agent[@]}" --image localhost/agent:1 --engine podman --name pod --hide .env --hide secrets/ "$@"; }
# expect WHAT WANT GOT
expect() { [ "$2" = "$3" ] || die "$1: wanted"$'\n'"$2"$'\n'"got"$'\n'"$3"; }

# play FILE: runs a Pod to its end; prints what it said and its status.
play() {
  podman kube play --userns=keep-id:uid=1000,gid=1000 --network none --seccomp-profile-root "$work/user/profiles" "$1" >/dev/null
  status=$(podman wait pod-agent)
  podman logs pod-agent 2>&1
  echo "status $status"
  podman kube down "$1" >/dev/null
}

export_pod --net none --seccomp "$work/user/profile.json" -- --version >"$work/pod.yaml" 2>"$work/said"
grep -q 'not carried: securityContext.seccompProfile: podman reads it not' "$work/said" || die "what podman ignores is not named: $(cat "$work/said")"
sed '/^#/d' "$work/pod.yaml" >"$work/pod.json"
profile=$(jq -er '.metadata.annotations["seccomp.security.alpha.kubernetes.io/pod"]' "$work/pod.json")
install -m 0644 "$work/user/profile.json" "$work/user/profiles/${profile#localhost/}"
chmod 0644 "$work"/pod.*
expect "the agent" "$CLAUDE_VERSION_PINNED (Claude Code)"$'\n'"status 0" "$(play "$work/pod.yaml")"
# shellcheck disable=SC2016
attack='id -u; pwd; cat .env; ls secrets; echo x >>.git/config || echo kept; echo x >>.mcp.json || echo kept; mv .git x || echo kept; touch /x || echo kept
sed -n "s/^CapBnd:\t//p; s/^NoNewPrivs:\t//p; s/^Seccomp_filters:\t//p" /proc/self/status; ls /nix/store | wc -l; echo y >new; exit 7'
jq --arg script "exec 2>/dev/null; $attack" '.spec.containers[0].command = ["/.jail/init", "--", "bash", "-c", $script]' "$work/pod.json" >"$work/attack.json"
expect "what holds in a plain Pod" "1000
/home/agent/project
kept
kept
kept
kept
0000000000000000
1
3
$(sort -u "${store[DEVENV_NODE_CLOSURE]}" | grep -c '^/nix/store/')
status 7" "$(play "$work/attack.json")"
[ "$(cat "$project/.env" "$project/new")" = $'SECRET\ny' ] || die "the project is not what it was"
rm "$project/new"
say "ok: a plain Pod under podman: the agent runs, files are protected and hidden, no capability, both filters and the engine's"

# A whole turn: the agent with its placeholder, the broker in a container of its
# own with the key, and a service that takes that key alone. The Pod is the one
# for a cluster, with the folders of this machine in the place of its volumes.
install -d -o "$user" "$work/user/ca" "$work/user/files"
CGO_ENABLED=0 "$(go_program)" -C "$REPO" build -o "$work/fakeapi" ./hack/fakeapi
cp "$HACK/fakeapi/turns/hello.json" "$work/turns.json"
as_user "$work/jailed-claude" export pod "${agent[@]}" --image localhost/agent:1 --name pod --volume work --network-policy none --secret keys --certificates ca \
  -- -p 'say hello' >"$work/cluster.json" 2>/dev/null
jq -er '.items[0].data["brokers.json"] | fromjson | .[0].upstream = "https://127.0.0.1:8443"' "$work/cluster.json" >"$work/user/files/brokers.json"
# shellcheck disable=SC2016
jq --arg work "$work" --arg bash "${store[DEVENV_NODE]}/bin/bash" '.items[1].spec as $pod | {apiVersion: "v1", kind: "Pod", metadata: {name: "pod"}, spec: {restartPolicy: "Never",
  volumes: ([{name: "home", emptyDir: {}}, {name: "tmp", emptyDir: {}}] + [["project", "/home/agent/project"], ["ca", $work + "/user/ca"], ["files", $work + "/user/files"],
    ["fakeapi", $work + "/fakeapi"], ["turns", $work + "/turns.json"]] | map(if type == "array" then {name: .[0], hostPath: {path: .[1]}} else . end)),
  containers: [
    {name: "service", image: "localhost/agent:1", securityContext: {runAsUser: 1000},
      command: ["/fakeapi", "-addr", "127.0.0.1:8080", "-tls", "127.0.0.1:8443", "-ca", "/ca/ca-certificates.crt", "-script", "/turns.json", "-log", "/ca/log"],
      volumeMounts: [{name: "fakeapi", mountPath: "/fakeapi"}, {name: "turns", mountPath: "/turns.json"}, {name: "ca", mountPath: "/ca"}]},
    ($pod.initContainers[0] | del(.restartPolicy)
      | .command = [$bash, "-c", "until [ -s /etc/ssl/certs/ca-certificates.crt ]; do read -rt 0.1 <> <(:); done; exec \"$@\"", ""] + .command
      | .env |= map(if .valueFrom then {name, value: "sk-ant-the-key-of-the-secret"} else . end)
      | .volumeMounts = [{name: "files", mountPath: "/etc/jailed-claude.d"}, {name: "ca", mountPath: "/etc/ssl/certs"}]),
    ($pod.containers[0] | .volumeMounts = [{name: "home", mountPath: "/home/agent"}, {name: "tmp", mountPath: "/tmp"}, {name: "project", mountPath: "/home/agent/project"},
      {name: "ca", mountPath: "/etc/ssl/certs", readOnly: true}])
  ]}}' "$work/cluster.json" >"$work/turn.json"
chmod 0644 "$work"/*.json "$work/user/files/brokers.json"
expect "a turn" $'hello from the script\nstatus 0' "$(play "$work/turn.json")"
jq -es '[.[] | select(.method == "POST") | .headers["X-Api-Key"]] | . != [] and all(. == ["sk-ant-the-key-of-the-secret"])' "$work/user/ca/log" >/dev/null || die "the service did not get the key: $(cut -c1-500 "$work/user/ca/log")"
! jq -e '.spec.containers[2]' "$work/turn.json" | grep -q sk-ant-the-key || die "the agent has the key"
say "ok: a whole turn of the agent, with the key in the container of the broker alone"

# against NAME ALLOWED: all attacks on what "$work/NAME" makes; only those that
# ALLOWED matches, as "CLASS ATTACK", get through.
against() {
  local through
  as_user "$work/jailed-claude" audit --json "${agent[@]}" --net none --hide .env --hide secrets/ --against "$work/$1" >"$work/$1.json" || true
  through=$(jq -r '.[] | select(.result == "GOT THROUGH") | .class + " " + .attack' "$work/$1.json")
  [ "$(jq '[.[] | select(.result == "held")] | length' "$work/$1.json")" -gt 400 ] || die "$1: too few attacks were tried: $(cat "$work/$1.json")"
  ! grep -vxEq "$2" <<<"$through" || die "$1: these got through as well: $(grep -vxE "$2" <<<"$through")"
  say "ok: $1: $(grep -c . <<<"$through") attacks of $(jq length "$work/$1.json") got through, and no others than docs/cluster.md says"
}
cat >"$work/plain" <<EOF
#!/usr/bin/env bash
# plain PROGRAM ARGS: the attacker as the agent of a plain Pod of the folder.
shift
d=\$(mktemp -d) name=p\$\$ status=0
engine() { podman --cgroup-manager=cgroupfs --runtime crun "\$@"; }
"$work/jailed-claude" export pod ${agent[*]} --image localhost/agent:1 --engine podman --name "\$name" --net none --hide .env --hide secrets/ --seccomp "\$d/profile" 2>"\$d/said" |
  sed '/^#/d' | jq '.spec.containers[0].command = ["/.jail/init", "--", "/.jail/./init"] + \$ARGS.positional' --args -- "\$@" >"\$d/pod.json"
mv "\$d/profile" "\$d/\$(jq -r '.metadata.annotations["seccomp.security.alpha.kubernetes.io/pod"] | ltrimstr("localhost/")' "\$d/pod.json")"
engine kube play --start=false --userns=keep-id:uid=1000,gid=1000 --network none --seccomp-profile-root "\$d" "\$d/pod.json" >"\$d/said" 2>&1 || cat "\$d/said" >&2
engine start --attach "\$name-agent" || status=\$?
engine kube down "\$d/pod.json" >"\$d/said" 2>&1
rm -rf "\$d"
exit "\$status"
EOF
chmod 0755 "$work/plain"
# What is not reported, filtered or hidden again: what somebody outside replaces; podman 4's emptyDir on a
# disk, and its mounts without flags; what the engine shows of /proc and /sys (kallsyms where
# kernel.perf_event_paranoid is less than 2).
against plain 'persistence trust-.*|races race-report|host moves .*|exhaustion (fill|inodes)-(tmp|var-tmp|shm|home)|privilege (setuid|device)-mounts|files read-kernel-settings|devices kernel-secret-(interrupts|kallsyms)|races race-masked-file|terminal escape-.*'

# podman kube play reads procMount since 4.7; podman run has it as a flag.
export_pod --form own --net filtered --allow github.com --seccomp "$work/user/own.json" >"$work/own.yaml" 2>/dev/null
sed '/^#/d; /^---$/d' "$work/own.yaml" | jq -ers '.[0].data["policy.toml"]' >"$work/user/policy/policy.toml"
cat >"$work/own" <<EOF
#!/usr/bin/env bash
# own PROGRAM ARGS: the attacker in a jail in a container as --form own has it.
shift
status=0
podman --cgroup-manager=cgroupfs --runtime crun run --rm --cgroups=disabled --network none --userns=keep-id:uid=1000,gid=1000 --user 1000:1000 --read-only --read-only-tmpfs=false \\
  --cap-drop=all --security-opt no-new-privileges --security-opt unmask=ALL --security-opt "seccomp=$work/user/own.json" \\
  -v "h\$\$:/home/agent" -v "t\$\$:/tmp" -v "r\$\$:/run/user/1000" -v "\$PWD:/home/agent/project" -v "$work/user/policy:/etc/jailed-claude.d:ro" \\
  --entrypoint /usr/bin/jailed-claude localhost/agent:1 shell --policy /etc/jailed-claude.d/policy.toml --project /home/agent/project -- "\${PROGRAM:-/.jail/./init}" "\$@" || status=\$?
podman volume rm "h\$\$" "t\$\$" "r\$\$" >/dev/null
exit "\$status"
EOF
chmod 0755 "$work/own"
own() { as_user PROGRAM=bash "$work/own" bash -c "$1"; }
status=0
said=$(own "exec 2>/dev/null; $attack" 2>"$work/said") || status=$?
expect "what holds in a jail in a Pod" "1000
/home/agent/project
kept
kept
kept
kept
0000000000000000
1
3
$(sort -u "${store[DEVENV_NODE_CLOSURE]}" | grep -c '^/nix/store/')
status 7" "$said"$'\n'"status $status"
own 'touch .envrc; (exec 3<>/dev/tcp/elsewhere.example/443) 2>/dev/null || true' 2>"$work/said" || die "$(cat "$work/said")"
grep -q '"/home/agent/project/.envrc": direnv' "$work/said" || die "what appeared is not reported: $(cat "$work/said")"
grep -q 'elsewhere.example' "$work/said" || die "what was refused is not reported: $(cat "$work/said")"
say "ok: our runtime in a container with the profile of --form own: the same, and it reports what appeared and what was refused"
# Its output is a pipe, and sequences of escapes pass.
export_pod --form own --net none --seccomp "$work/user/own.json" 2>/dev/null | sed '/^#/d; /^---$/d' | jq -ers '.[0].data["policy.toml"]' >"$work/user/policy/policy.toml"
against own 'terminal escape-.*'
