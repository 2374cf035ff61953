#!/usr/bin/env bash
# podman kube play (4.3) refuses a Pod whose annotation is longer than 63 bytes, and calls that
# Kubernetes' limit. There 63 is the limit of a label's value; annotations may have 256 KiB in all,
# and many tools keep JSON in them. So a Pod that a cluster takes does not start under podman.
#
# Matters for: Pods that shall run in both.
# Seen: podman 4.3.1 (Debian 12), 2026-11-30. Needs: podman 4.3, an ordinary user.
set -euo pipefail

fail() { echo "podman-annotation-63: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d)
trap 'podman unshare rm -rf "$tmp/.local" || true; podman system migrate >/dev/null 2>&1 || true; rm -rf "$tmp"' EXIT
export LC_ALL=C HOME=$tmp XDG_RUNTIME_DIR=$tmp
podman --version
[[ $(podman --version) == "podman version 4.3."* ]] || { echo "podman-annotation-63: needs podman 4.3" >&2; exit 1; }

# play N: a Pod with an annotation of N bytes. Its image is nowhere: what is asked for first decides.
play() {
  printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: finding, annotations: {example.com/note: "%s"}}\nspec: {containers: [{name: c, image: "127.0.0.1:1/none"}]}\n' \
    "$(head -c "$1" /dev/zero | tr '\0' x)" >"$tmp/pod.yaml"
  message=$(podman kube play "$tmp/pod.yaml" 2>&1) && fail "it runs"
  echo "$1 bytes: $(grep -oE 'value length exceeds.*|connection refused|pull' <<<"$message" | head -n 1)"
}
play 63
[[ $message != *"value length exceeds"* ]] || fail "63 bytes are too many: $message"
podman pod rm --force finding >/dev/null 2>&1 || true
play 64
[[ $message == *"value length exceeds"* ]] || fail "64 bytes are not refused: $message"
