package e2e

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
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
			requireTool(t, c.program)
			w, l := newLab(t)
			for _, name := range []string{"allowed.example", "other.example"} {
				l.name(name, publicA)
				w.shop(name)
			}
			w.env["NODE_EXTRA_CA_CERTS"] = l.ca
			ssh := "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/tmp/known -o LogLevel=ERROR -F none"
			flags := []string{"shell", "--package", "host", "--net", "filtered", "--allow", "allowed.example", "--allow", "allowed.example:80",
				"--allow", "allowed.example:2222", "--env", "GIT_SSH_COMMAND=" + ssh}
			if p, err := exec.LookPath("go"); err == nil {
				root := filepath.Dir(filepath.Dir(orPanic(filepath.EvalSymlinks(p))))
				c.script = "PATH=$PATH:" + root + "/bin; cd /tmp && " + c.script
				if !strings.HasPrefix(root, "/usr/") {
					flags = append(flags, "--read", root)
				}
			}
			try := func(name string) result {
				return finish(t, w.command(append(slices.Clone(flags), "--env", "NAME="+name, "--", "bash", "-c", c.script)...))
			}
			if r := try("allowed.example"); r.status != 0 || !strings.Contains(r.out, c.wants) {
				t.Errorf("allowed: %s", r)
			}
			l.caught()
			r := try("other.example")
			if r.status == 0 || strings.Contains(r.out, c.wants) || !regexp.MustCompile(c.says).MatchString(r.err+r.out) {
				t.Errorf("not allowed, want it to say %q: %s", c.says, r)
			}
			if !strings.Contains(r.err, "1 destination was refused: other.example") {
				t.Errorf("nobody says who refused: %s", r)
			}
			if got := l.caught(); len(got.Hits)+len(got.Queries) != 0 {
				t.Errorf("not allowed, and seen outside: %+v", got)
			}
		})
	}
}

func orPanic(s string, err error) string {
	if err != nil {
		panic(err)
	}
	return s
}

// shop fills the folder of files that the lab serves under a name: a page, a
// git repository, and what the registries of several languages serve.
func (w *world) shop(name string) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "www", name)
	w.write(dir+"/page", "the page\n")
	w.git(w.project, "clone", "--quiet", "--bare", ".", dir+"/repo.git")
	w.git(dir+"/repo.git", "update-server-info")
	w.write(dir+"/tiny", `{"name":"tiny","description":"the package","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"tiny","version":"1.0.0","description":"the package","dist":{"tarball":"https://`+name+`/tiny.tgz"}}}}`)
	w.write(dir+"/tiny.tgz", tarball(w, map[string]string{"package/package.json": `{"name":"tiny","version":"1.0.0"}`, "package/index.js": `module.exports = "the module"`}))
	wheel := "tiny-1.0.0-py3-none-any.whl"
	w.write(dir+"/simple/tiny/index.html", `<!DOCTYPE html><a href="/`+wheel+`">`+wheel+`</a>`)
	w.write(dir+"/"+wheel, zipped(w, map[string]string{"tiny.py": "", "tiny-1.0.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0.0\n",
		"tiny-1.0.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", "tiny-1.0.0.dist-info/RECORD": ""}))
	module := dir + "/example.org/tiny/@v/"
	w.write(module+"list", "v1.0.0\n")
	w.write(module+"v1.0.0.info", `{"Version":"v1.0.0","Time":"2026-01-01T00:00:00Z"}`)
	w.write(module+"v1.0.0.mod", "module example.org/tiny\n")
	w.write(module+"v1.0.0.zip", zipped(w, map[string]string{"example.org/tiny@v1.0.0/go.mod": "module example.org/tiny\n"}))
}

func tarball(w *world, files map[string]string) string {
	w.t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	a := tar.NewWriter(z)
	for name, text := range files {
		if err := a.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			w.t.Fatal(err)
		}
		if _, err := a.Write([]byte(text)); err != nil {
			w.t.Fatal(err)
		}
	}
	if a.Close() != nil || z.Close() != nil {
		w.t.Fatal("tar")
	}
	return b.String()
}

func zipped(w *world, files map[string]string) string {
	w.t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		f, err := z.Create(name)
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}
