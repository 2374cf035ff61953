package keys

import (
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// vault is the part "vault": a service of HTTP that shows the files of a
// folder to who has a key, by whatever scheme, and asks others for it. Its
// further arguments are the folder and the key. The lab speaks TLS for it.
func vault(args []string) int {
	dir, key := http.FileServer(http.Dir(args[1])), args[2]
	return world.ServePart(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if value == "" {
			value = scheme // as cargo sends it
		}
		if text, err := base64.StdEncoding.DecodeString(value); err == nil && scheme == "Basic" {
			_, value, _ = strings.Cut(string(text), ":")
		}
		if value != key {
			w.Header().Set("Www-Authenticate", `Basic realm="vault"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPut && r.URL.Path == "/published" {
			_, _ = io.WriteString(w, `{"ok":true,"success":true}`)
			return
		}
		dir.ServeHTTP(w, r)
	}))
}

// vaultKey is what the vault wants.
const vaultKey = "vault-key-" + world.Planted

// newVault gives the lab a service of that name.
func newVault(t *testing.T, w *world.World, l *world.Lab, name string) {
	t.Helper()
	l.Name(name, lab.PublicA)
	w.Shop(name)
	l.Ask(lab.Order{Name: name, Answers: [][]string{{lab.PublicA}}, Backend: l.Part(w, "vault", filepath.Join(w.Dir, "www", name), vaultKey)})
}

// client is a program that speaks to a service with what is in SERVICE_KEY, and
// what it then shows. docs/keys.md has a table of them.
type client struct{ name, program, script, wants string }

var clients = []client{
	{"curl", "curl", `curl -sSf -H "Authorization: Bearer $SERVICE_KEY" https://service.example/page`, "the page"},
	{"wget", "wget", `wget -q -O - --header "Authorization: token $SERVICE_KEY" https://service.example/page`, "the page"},
	{"git", "git", `GIT_TERMINAL_PROMPT=0 git clone -q https://ada:$SERVICE_KEY@service.example/repo.git c && cat c/README`, "a project"},
	{"urllib", "python3", `python3 -c 'import os, urllib.request as u; print(u.urlopen(u.Request("https://service.example/page", headers={"Authorization": "Bearer " + os.environ["SERVICE_KEY"]})).read().decode())'`, "the page"},
	{"pip", "pip3", `pip3 download -q --disable-pip-version-check --retries 0 --no-deps --index-url https://ada:$SERVICE_KEY@service.example/simple/ tiny && ls tiny-1.0.0-py3-none-any.whl`, "tiny-1.0.0"},
	{"node", "node", `node -e 'fetch("https://service.example/page", {headers: {authorization: "Bearer " + process.env.SERVICE_KEY}}).then(async r => { if (!r.ok) process.exit(1); console.log(await r.text()) }, e => { console.error(e.cause ?? e); process.exit(1) })'`, "the page"},
	{"npm", "npm", `npm config set //service.example/:_authToken "$SERVICE_KEY" && npm view --registry https://service.example/ --fetch-retries 0 tiny description`, "the package"},
	{"go", "go", `GOPROXY=https://ada:$SERVICE_KEY@service.example GONOSUMDB=* GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPATH=/tmp/go GOCACHE=/tmp/gc go mod download -json example.org/tiny@v1.0.0`, `"Zip"`},
	{"php", "php", `php -r 'echo file_get_contents("https://service.example/page", false, stream_context_create(["http" => ["header" => "Authorization: Bearer " . getenv("SERVICE_KEY")]]));'`, "the page"},
	{"cargo", "cargo", `export CARGO_NET_GIT_FETCH_WITH_CLI=true CARGO_REGISTRIES_VAULT_INDEX=https://service.example/index.git CARGO_HOME=/tmp/cargo; echo "machine service.example login ada password $SERVICE_KEY" >~/.netrc; cargo init -q --lib --name tiny c && cd c && printf 'description = "a"\nlicense = "MIT"\n' | sed -i '/^edition/r /dev/stdin' Cargo.toml && cargo publish --registry vault --token "$SERVICE_KEY" --allow-dirty --no-verify && echo published`, "published"},
}

// more are those that "make check-clients" installs.
var more = []client{
	{"npm publish", "npm", `export NPM_CONFIG_REGISTRY=https://service.example/ NPM_CONFIG_UPDATE_NOTIFIER=false; echo "//service.example/:_authToken=$SERVICE_KEY" >~/.npmrc; mkdir p && cd p && echo '{"name":"published","version":"1.0.0"}' >package.json && npm publish --dry-run && npm publish --fetch-retries 0 && echo it is there`, "it is there"},
	{"ruby", "ruby", `ruby -rnet/http -e 'puts Net::HTTP.get_response(URI("https://service.example/page"), {"Authorization" => "Bearer " + ENV["SERVICE_KEY"]}).body'`, "the page"},
	{"gh", "gh", `GH_TOKEN=$SERVICE_KEY gh api /page`, "the page"},
	{"skopeo login", "skopeo", `skopeo login --authfile /tmp/auth.json -u ada -p "$SERVICE_KEY" service.example`, "Login Succeeded!"},
	{"docker login", "docker", `echo "$SERVICE_KEY" | DOCKER_CONFIG=/tmp/docker docker login -u ada --password-stdin service.example`, "Login Succeeded"},
	{"java", "java", `cat >A.java <<'END'
import java.net.*;
class A { public static void main(String[] a) throws Exception {
	URLConnection c = new URI("https://service.example/page").toURL().openConnection();
	c.setRequestProperty("Authorization", "Bearer " + System.getenv("SERVICE_KEY"));
	System.out.println(new String(c.getInputStream().readAllBytes()));
} }
END
java -XX:TieredStopAtLevel=1 A.java`, "the page"},
	{"chromium", "chromium", `chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --dump-dom "https://ada:$SERVICE_KEY@service.example/page"`, ">the page"},
	{"firefox", "firefox-esr", `cat >f.py <<'END'
` + firefox + `
END
python3 f.py "https://ada:$SERVICE_KEY@service.example/page"`, ">the page"},
}

// firefox shows a page's source in Python: Firefox has no option for it, but listens
// to programs (Marionette). It reads policies while it starts, and takes certificates
// then beside all else.
const firefox = `import json, os, socket, subprocess, sys, time
p = subprocess.Popen(["firefox-esr", "--headless", "--no-remote", "--profile", os.path.abspath("."), "--marionette"], stdout=2)
while True:
    try:
        s = socket.create_connection(("127.0.0.1", 2828)); break
    except OSError:
        if p.poll() is not None: sys.exit(1)
        time.sleep(0.2)
f = s.makefile("rwb")
def read():
    n = b""
    while (c := f.read(1)) != b":": n += c
    return json.loads(f.read(int(n)))
def call(name, **args):
    m = json.dumps([0, 1, name, args]).encode()
    f.write(b"%d:%s" % (len(m), m)); f.flush()
    return read()[2:]
read(); call("WebDriver:NewSession")
for i in range(10):
    error, _ = call("WebDriver:Navigate", url=sys.argv[1])
    if not error: break
    time.sleep(1)
print(error, call("WebDriver:GetPageSource"))
p.kill()`

// TestClients: programs speak to a service by its own name as ever, with a
// placeholder; without the broker the placeholder is worth nothing.
func TestClients(t *testing.T) {
	t.Parallel()
	all := clients
	if os.Getenv("JAIL_TEST_CLIENTS") == "1" {
		all = slices.Concat(clients, more)
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			world.RequireTool(t, c.program)
			name := "service.example"
			if c.program == "gh" {
				name = "api.github.com" // what it takes GH_TOKEN for
			}
			w, l := world.NewLab(t)
			newVault(t, w, l, name)
			w.Write(w.Home+"/.secrets/service", vaultKey+"\n")
			flags := []string{"shell", "--package", "host"}
			script := "cd /tmp && " + c.script
			if p, err := exec.LookPath(c.program); err == nil {
				root := filepath.Dir(filepath.Dir(world.OrPanic(filepath.EvalSymlinks(p))))
				if !strings.HasPrefix(root, "/usr") || c.program == "go" {
					script = "PATH=" + root + "/bin:$PATH; " + script
				}
				if !strings.HasPrefix(root, "/usr/") && root != "/usr" {
					flags = append(flags, "--read", root)
				}
			}
			run := func(policy string) world.Result {
				w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\nfiles.cache = \"off\"\n"+policy) // or the second run needs no service
				return world.Finish(t, w.Command(append(append([]string{}, flags...), "--", "bash", "-c", script)...))
			}
			r := run("network.mode = \"none\"\n[[broker]]\nhost = \"" + name + "\"\nheader = \"Authorization\"\nfrom = \"file:~/.secrets/service\"\nenv = \"SERVICE_KEY\"\n")
			if r.Status != 0 || !strings.Contains(r.Out, c.wants) {
				t.Errorf("%s\n%s", r, w.SessionLog())
			}
			r = run("[network]\nmode = \"filtered\"\nallow = [\"" + name + "\"]\n[env.set]\nSERVICE_KEY = \"placeholder-for-the-" + strings.ReplaceAll(name, ".", "-") + "-key-which-stays-outside-of-this-jail\"\n")
			if strings.Contains(r.Out, c.wants) {
				t.Errorf("without a broker: %s", r)
			}
			if text := r.Out + r.Err + w.SessionLog(); strings.Contains(text, world.Planted) {
				t.Errorf("the key was shown: %s", text)
			}
		})
	}
}

// TestAuthoritiesBelowTmp: the file of the host's authorities may lie in /tmp,
// which is another folder for the process that reads it.
func TestAuthoritiesBelowTmp(t *testing.T) {
	t.Parallel()
	w, l := world.NewLab(t)
	newVault(t, w, l, "service.example")
	dir, err := os.MkdirTemp("/tmp", "authorities")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w.Env["SSL_CERT_FILE"] = w.Write(dir+"/ca.pem", w.Read(l.CA))
	w.Write(w.Home+"/.secrets/service", vaultKey+"\n")
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\nnetwork.mode = \"none\"\n[[broker]]\nhost = \"service.example\"\nheader = \"Authorization\"\nfrom = \"file:~/.secrets/service\"\nenv = \"SERVICE_KEY\"\n")
	r := world.Finish(t, w.Command("shell", "--package", "host", "--", "bash", "-c", `curl -sSf -H "Authorization: Bearer $SERVICE_KEY" https://service.example/page`))
	if r.Status != 0 || !strings.Contains(r.Out, "the page") {
		t.Errorf("%s\n%s", r, w.SessionLog())
	}
}

// TestAuthority: the jail's authority signs for brokered names and nothing
// else; all other names show their own certificates. Two jails have two.
func TestAuthority(t *testing.T) {
	t.Parallel()
	w, l := world.NewLab(t)
	newVault(t, w, l, "service.example")
	l.Name("other.example", lab.PublicB)
	w.Write(w.Home+"/.secrets/service", vaultKey+"\n")
	w.Write(w.Home+"/.config/jailed-claude/config.toml", `version = 1
[network]
mode = "filtered"
allow = ["other.example", "www.service.example"]
[[broker]]
host = "service.example"
header = "Authorization"
from = "file:~/.secrets/service"
`)
	l.Name("www.service.example", lab.PublicB)
	ask := []string{
		"service.example:443 service.example", "service.example:443 other.example", "service.example:443 www.service.example",
		"other.example:443 other.example", "www.service.example:443 www.service.example", "service-example.broker.internal:443 service.example",
	}
	issuers := map[string]bool{}
	for range 2 {
		c := w.Part("peer", "--net", "filtered")
		c.Args = append(c.Args, ask...)
		r := world.Finish(t, c)
		got := world.Lines(r.Out)
		if r.Status != 0 || len(got) != len(ask) {
			t.Fatal(r)
		}
		issuer, rest, _ := strings.Cut(got[0], ") ")
		if !strings.HasPrefix(issuer, "jailed-claude, one jail (") || rest != "true [service.example]" {
			t.Errorf("service.example: %s", got[0])
		}
		issuers[issuer] = true
		for i, line := range got[1:] {
			switch ask[i+1] {
			case "other.example:443 other.example", "www.service.example:443 www.service.example":
				if strings.Contains(line, "jailed-claude") || line == "-" {
					t.Errorf("%s: %s", ask[i+1], line)
				}
			default:
				if line != "-" {
					t.Errorf("%s: %s", ask[i+1], line)
				}
			}
		}
	}
	if len(issuers) != 2 {
		t.Errorf("two jails have the authorities %v", issuers)
	}
	// The host and config.json know nothing of it, and no key is in the jail.
	if r := world.Finish(t, w.Command("spec", "--closure", world.RequireVariable(t, "BASE_CLOSURE"))); strings.Contains(r.Out, "BEGIN CERTIFICATE") {
		t.Error("a certificate is in config.json")
	}
	w.Env["NODE_EXTRA_CA_CERTS"] = w.Write(filepath.Join(w.Dir, "corp.pem"), w.Read(l.CA))
	r := world.Finish(t, w.NetShell(`count() { n=0; while read -r line; do case $line in *"BEGIN CERT"*) n=$((n + 1));; *PRIVATE*) echo a private key;; esac; done <"$1"; }
		count "$SSL_CERT_FILE"; echo "$n certificates"; echo x >>"$SSL_CERT_FILE" || echo held
		for v in NODE_EXTRA_CA_CERTS DENO_CERT GIT_SSL_CAINFO PIP_CERT AWS_CA_BUNDLE; do count "${!v}"; echo "$n of ${!v}"; done`))
	// The lab's authority, once more as the caller's own of Node, and the jail's. Programs
	// that only add to what they trust need not read all of it.
	if r.Out != `3 certificates
held
2 of /etc/ssl/certs/extra-ca.crt
1 of /etc/ssl/certs/jail-authority.crt
3 of /etc/ssl/certs/ca-certificates.crt
3 of /etc/ssl/certs/ca-certificates.crt
3 of /etc/ssl/certs/ca-certificates.crt
` {
		t.Error(r)
	}
}
