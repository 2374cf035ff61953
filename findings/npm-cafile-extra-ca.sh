#!/usr/bin/env bash
# A `cafile=` in an .npmrc switches NODE_EXTRA_CA_CERTS off for npm. The variable adds to
# Node's default list, but npm hands its CAs to TLS as the whole list, and Node then adds nothing.
# So a user whose .npmrc names a company's CA gets UNABLE_TO_VERIFY_LEAF_SIGNATURE behind a proxy
# whose CA comes by the variable, while `fetch` in the same node works.
#
# Matters for: sandboxes and CI behind a TLS proxy of their own.
# Seen: npm 11.19.1, node 20.20.2, OpenSSL 3.0.19, 2026-11-29. Needs: npm's registry, node 20.17 or newer, openssl.
set -euo pipefail

fail() { echo "npm-cafile-extra-ca: changed: $*" >&2; exit 1; }
script=$(realpath "$0")
if [ -z "${IN_NAMESPACE:-}" ]; then
  # Outside: fetch. Then again, in a network namespace with nothing but lo.
  tmp=$(mktemp -d)
  trap 'rm -rf "$tmp"' EXIT
  cd "$tmp"
  NPM_CONFIG_CACHE=$tmp/cache npm pack --silent npm@11.19.1 >/dev/null
  tar -xzf npm-11.19.1.tgz
  IN_NAMESPACE=$tmp unshare --user --map-root-user --net bash "$script"
  exit
fi

cd "$IN_NAMESPACE"
server=
trap '[ -z "$server" ] || kill "$server"' EXIT
ip link set lo up
export HOME=$PWD
# Only the files and variables of this script count.
unset "${!npm_config_@}" "${!NPM_CONFIG_@}" NODE_EXTRA_CA_CERTS NODE_OPTIONS
export NPM_CONFIG_GLOBALCONFIG=$PWD/no-such-npmrc NPM_CONFIG_UPDATE_NOTIFIER=false NPM_CONFIG_FETCH_RETRIES=0
npm() { node package/bin/npm-cli.js "$@"; }
echo "npm $(npm --version), node $(node --version)"

for ca in proxy company; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -keyout $ca.key -out $ca.pem -subj "/CN=$ca" 2>/dev/null
done
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
  -keyout leaf.key -out leaf.csr -subj /CN=localhost 2>/dev/null
openssl x509 -req -in leaf.csr -CA proxy.pem -CAkey proxy.key -CAcreateserial -out leaf.pem \
  -extfile <(echo subjectAltName=DNS:localhost) 2>/dev/null
cat >server.js <<'J'
const fs = require('fs');
const options = { key: fs.readFileSync('leaf.key'), cert: fs.readFileSync('leaf.pem') };
require('https').createServer(options, (request, response) => response.end('{}'))
  .listen(8443, '127.0.0.1', () => fs.writeFileSync('ready', ''));
J
node server.js &
server=$!
until [ -e ready ]; do sleep 0.1; done

ping() {
  NODE_EXTRA_CA_CERTS=proxy.pem npm ping --registry https://localhost:8443/ >log 2>&1 || true
  grep -m 1 -E 'PONG|error code' log || cat log
}
without=$(ping)
echo "NODE_EXTRA_CA_CERTS, no cafile:   $without"
[[ $without == *PONG* ]] || fail "npm does not follow NODE_EXTRA_CA_CERTS"
echo "cafile=$PWD/company.pem" >.npmrc
with=$(ping)
echo "the same with cafile= in .npmrc: $with"
[[ $with == *UNABLE_TO_VERIFY_LEAF_SIGNATURE* ]] || fail "npm still follows NODE_EXTRA_CA_CERTS"
plain=$(NODE_EXTRA_CA_CERTS=proxy.pem node -e 'fetch("https://localhost:8443/").then(r => console.log(r.status))')
echo "node's fetch, the same files:    $plain"
[ "$plain" = 200 ] || fail "node does not follow NODE_EXTRA_CA_CERTS"
