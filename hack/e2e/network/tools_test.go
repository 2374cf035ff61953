package network

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/spec/network"
)

// TestTools: what people use speaks to an allowed name without noticing
// anything, and says by itself what is wrong with another one. docs/network.md
// has this table.
func TestTools(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, program string
		script        string
		wants         string
		// says is how it tells that a name is not allowed.
		says string
	}{
		{"curl", "curl", `curl -sS https://$NAME/page`, "the page", `Could not resolve host: other\.example`},
		{"git over https", "git", `git clone -q https://$NAME/repo.git c && cat c/README`, "a project", `Could not resolve host: other\.example`},
		{"git over ssh", "ssh", `git clone -q ssh://git@$NAME:2222/repo.git c && cat c/README`, "a project", `Could not resolve hostname other\.example: Name or service not known`},
		{"npm", "npm", `npm view --registry https://$NAME/ --fetch-retries 0 tiny description`, "the package", `ENOTFOUND`},
		{"npm install", "npm", `npm install --registry https://$NAME/ --fetch-retries 0 --no-audit --no-fund tiny >&2 && node -p 'require("tiny")'`, "the module", `ENOTFOUND`},
		{"pip", "pip3", `pip3 download -q --disable-pip-version-check --retries 0 --no-deps --index-url https://$NAME/simple/ tiny && ls tiny-1.0.0-py3-none-any.whl`, "tiny-1.0.0", `No matching distribution`},
		{"python's urllib", "python3", `python3 -c 'import sys, urllib.request; print(urllib.request.urlopen("https://" + sys.argv[1] + "/page").read().decode())' $NAME`, "the page", `Name or service not known`},
		{"go mod download", "go", `GOPROXY=https://$NAME GONOSUMDB=* GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPATH=/tmp/go GOCACHE=/tmp/gc go mod download -json example.org/tiny@v1.0.0`, `"Zip"`, `no such host`},
		{"node's fetch", "node", `node -e 'fetch("https://" + process.argv[1] + "/page").then(r => r.text()).then(console.log, e => { console.error(e.cause ?? e); process.exit(1) })' $NAME`, "the page", `ENOTFOUND`},
		{"nc", "nc", `printf 'GET /page HTTP/1.0\r\nHost: %s\r\n\r\n' $NAME | nc -N $NAME 80`, "the page", `Name or service not known`},
		{"bash's /dev/tcp", "bash", `exec 3<>/dev/tcp/$NAME/80 && printf 'GET /page HTTP/1.0\r\nHost: %s\r\n\r\n' $NAME >&3 && cat <&3`, "the page", `Name or service not known`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			world.RequireTool(t, c.program)
			w, l := world.NewLab(t)
			for _, name := range []string{"allowed.example", "other.example"} {
				l.Name(name, lab.PublicA)
				w.Shop(name)
			}
			w.Env["NODE_EXTRA_CA_CERTS"] = l.CA
			w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\nfiles.cache = \"off\"\n") // or the second try needs no network
			ssh := "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/tmp/known -o LogLevel=ERROR -F none"
			flags := []string{
				"shell", "--package", "host", "--net", "filtered", "--allow", "allowed.example", "--allow", "allowed.example:80",
				"--allow", "allowed.example:2222", "--env", "GIT_SSH_COMMAND=" + ssh,
			}
			if p, err := exec.LookPath("go"); err == nil {
				root := filepath.Dir(filepath.Dir(world.OrPanic(filepath.EvalSymlinks(p))))
				c.script = "PATH=$PATH:" + root + "/bin; cd /tmp && " + c.script
				if !strings.HasPrefix(root, "/usr/") {
					flags = append(flags, "--read", root)
				}
			}
			try := func(name string) world.Result {
				return world.Finish(t, w.Command(append(slices.Clone(flags), "--env", "NAME="+name, "--", "bash", "-c", c.script)...))
			}
			if r := try("allowed.example"); r.Status != 0 || !strings.Contains(r.Out, c.wants) {
				t.Errorf("allowed: %s", r)
			}
			l.Caught()
			r := try("other.example")
			if r.Status == 0 || strings.Contains(r.Out, c.wants) || !regexp.MustCompile(c.says).MatchString(r.Err+r.Out) {
				t.Errorf("not allowed, want it to say %q: %s", c.says, r)
			}
			if !strings.Contains(r.Err, "1 destination was refused: other.example") {
				t.Errorf("nobody says who refused: %s", r)
			}
			if got := l.Caught(); len(got.Hits)+len(got.Queries) != 0 {
				t.Errorf("not allowed, and seen outside: %+v", got)
			}
		})
	}
}

// TestGuards: programs that refuse private addresses refuse all names of a jail,
// unless these have their own addresses. With GUARDS, a folder with both packages
// from npm, it is they that refuse.
func TestGuards(t *testing.T) {
	t.Parallel()
	world.RequireTool(t, "node")
	scripts := map[string]string{"a list of ranges": `const net = require("net"), b = new net.BlockList(); b.addSubnet("198.18.0.0", 15); b.addSubnet("10.0.0.0", 8);
require("https").get("https://allowed.example/page", { lookup: (h, o, f) => require("dns").lookup(h, o, (e, a, n) => b.check(a[0]?.address ?? a) ? f(new Error("a private address")) : f(e, a, n)) }, r => r.on("data", d => process.stdout.write(d))).on("error", e => { console.error(String(e)); process.exit(1) })`}
	var flags []string
	if dir := os.Getenv("JAIL_TEST_GUARDS"); dir != "" {
		flags = []string{"--read", dir}
		scripts["request-filtering-agent"] = `import("` + dir + `/node_modules/request-filtering-agent/lib/request-filtering-agent.js").then(g => require("https").get("https://allowed.example/page", { agent: g.useAgent("https://allowed.example/") }, r => r.on("data", d => process.stdout.write(d))).on("error", e => { console.error(String(e)); process.exit(1) }))`
		scripts["ssrf-req-filter"] = `require("https").get("https://allowed.example/page", { agent: require("` + dir + `/node_modules/ssrf-req-filter")("https://allowed.example/") }, r => r.on("data", d => process.stdout.write(d))).on("error", e => { console.error(String(e)); process.exit(1) })`
	}
	for name, script := range scripts {
		for addresses, works := range map[string]bool{"own": false, network.AddressesReal: true} {
			t.Run(name+"/"+addresses, func(t *testing.T) {
				t.Parallel()
				w, l := world.NewLab(t)
				l.Name("allowed.example", lab.PublicA)
				w.Shop("allowed.example")
				w.Env["NODE_EXTRA_CA_CERTS"] = l.CA
				all := slices.Concat([]string{"shell", "--package", "host", "--net", "filtered", "--allow", "allowed.example"}, addressesOf(w, addresses), flags, []string{"--", "node", "-e", script})
				if r := world.Finish(t, w.Command(all...)); strings.Contains(r.Out, "the page") != works {
					t.Error(r)
				}
			})
		}
	}
}
