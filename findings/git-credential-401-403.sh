#!/usr/bin/env bash
# A server's choice between 401 and 403 decides whether a stored password survives. After a 401 to a
# request that carried it, git tells its credential helpers to erase it, and the next command asks
# the user again; after a 403 it stays. A proxy that refuses an action and answers 401 "for want of
# rights" thus logs people out. And git's first request goes out without the password although a
# helper has it, so 401 is also the only way to be shown one at all.
#
# Matters for: egress proxies and credential brokers in front of git servers.
# Seen: git 2.39.5, Python 3.11.2 (Debian 12), 2026-11-29. Needs: git, python3, user namespaces.
set -euo pipefail

if [ -z "${IN_NAMESPACE:-}" ]; then exec env IN_NAMESPACE=1 unshare --user --map-root-user --net bash "$0"; fi
fail() { echo "git-credential-401-403: changed: $*" >&2; exit 1; }
tmp=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$tmp"' EXIT
cd "$tmp"
ip link set lo up
export LC_ALL=C HOME=$tmp GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=$tmp/config GIT_TERMINAL_PROMPT=0
unset GIT_ASKPASS SSH_ASKPASS
git --version

cat >server.py <<'P'
# /401/… and /403/… refuse a request with a password in that way; without one they ask for it.
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        given = "Authorization" in self.headers
        status = int(self.path.split("/")[1]) if given else 401
        print("with" if given else "without", status, flush=True)
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="finding"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

http.server.HTTPServer(("127.0.0.1", 8000), Handler).serve_forever()
P
/usr/bin/python3 server.py >requests &
server=$!
until (: <>/dev/tcp/127.0.0.1/8000) 2>/dev/null; do sleep 0.1; done
git config --global credential.helper "store --file=$tmp/stored"

for refusal in 403 401; do
  echo "http://user:placeholder@127.0.0.1%3a8000" >stored
  : >requests.before
  cp requests requests.before
  if git ls-remote "http://127.0.0.1:8000/$refusal/project.git" >out 2>&1; then fail "ls-remote works"; fi
  seen=$(tail -n "+$(($(wc -l <requests.before) + 1))" requests | paste -sd ,)
  kept=$(grep -c placeholder stored || true)
  echo "refused with $refusal: requests (password, answer): $seen; still stored: $kept; $(tail -n 1 out)"
  [ "$seen" = "without 401,with $refusal" ] || fail "other requests"
  if [ "$refusal" = 403 ]; then [ "$kept" = 1 ] || fail "erased after 403"; fi
  if [ "$refusal" = 401 ]; then [ "$kept" = 0 ] || fail "kept after 401"; fi
done
