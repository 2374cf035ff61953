#!/usr/bin/env bash
# render.sh [FILE]: renews the tables of docs/bench.md and the plot
# docs/bench.svg from what `make bench` measured (bin/bench.json).
set -euo pipefail
ME=bench
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

json=$(realpath -m "${1:-$REPO/bin/bench.json}")
cd "$REPO"
"$(go_program)" run ./hack/bench render -json "$json" -md docs/bench.md -svg docs/bench.svg
