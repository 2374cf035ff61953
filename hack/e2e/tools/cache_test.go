package tools

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// registry plays one of npm's with a package "said" in it, whose program says
// hello. It returns its port.
func registry(t *testing.T) string {
	t.Helper()
	var tgz bytes.Buffer
	z := gzip.NewWriter(&tgz)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{
		"package.json": `{"name":"said","version":"1.0.0","bin":{"said":"said.js"}}`,
		"said.js":      "#!/usr/bin/env node\nconsole.log('hello from the registry')\n",
	} {
		if err := w.WriteHeader(&tar.Header{Name: "package/" + name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var port string
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".tgz") {
			_, _ = rw.Write(tgz.Bytes())
			return
		}
		if r.URL.Path != "/said" {
			http.NotFound(rw, r)
			return
		}
		fmt.Fprintf(rw, `{"name":"said","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"said","version":"1.0.0","bin":{"said":"said.js"},`+
			`"dist":{"tarball":"http://host:%s/said-1.0.0.tgz"}}}}`, port)
	}))
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestCache: what npm fetched in a jail is there in the next one of the project,
// without a network, and in no jail of another project, on the host or with
// files.cache = "off".
func TestCache(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Env["PATH"] = systemPath
	world.RequireTool(t, "npm")
	port := registry(t)
	quiet := "export npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false npm_config_registry=http://host:" + port + "\n"
	shell := func(script string, flags ...string) world.Result {
		args := append([]string{"shell", "--package", "host"}, flags...)
		return world.Finish(t, w.Command(append(args, "--", "bash", "-c", quiet+script)...))
	}
	const said = "hello from the registry\n"
	r := shell("npx --yes said; npm install --global said >/dev/null && said", "--net", "filtered", "--allow", "host:"+port)
	if r.Out != said+said {
		t.Fatalf("with a network: %s", r)
	}
	again := "npx --yes --offline said; said"
	if r := shell(again, "--net", "none"); r.Out != said+said {
		t.Errorf("the next jail of the project: %s", r)
	}
	if r := shell("ls -A ~/.cache ~/.local/share/pnpm", "--net", "none", "--project", w.Project); !strings.Contains(r.Out, "npm-global") {
		t.Errorf("%s", r)
	}
	w.Write(filepath.Join(w.Project, ".jailed-claude.toml"), "version = 1\n[files]\ncache = \"off\"\n")
	if r := shell(again+" || echo none", "--net", "none"); strings.Contains(r.Out, said) {
		t.Errorf("files.cache = off: %s", r)
	}
	other := filepath.Join(w.Home, "other")
	w.Repository(other)
	w.Project = other
	if r := shell(again+" || ls -A ~/.cache", "--net", "none"); strings.Contains(r.Out, "npm-global") || strings.Contains(r.Out, said) {
		t.Errorf("another project: %s", r)
	}
	if r := w.Run("explain", "--package", "host"); !strings.Contains(r.Out, "caches for the jails of this project alone") {
		t.Errorf("explain does not say it: %s", r)
	}
}

// TestCachePoisoned: what a jail leaves in its cache leads the next start
// nowhere: a link is not followed, and a grant below the caches has its place.
func TestCachePoisoned(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	outside := filepath.Join(w.Dir, "outside")
	w.Mkdir(outside, 0o755)
	w.Mkdir(filepath.Join(w.Home, ".cache/go-build"), 0o755)
	grant := []string{"--write", "~/.cache/go-build"}
	if r := w.Bash("touch ~/.cache/go-build/of-host", grant...); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	if w.Read(filepath.Join(w.Home, ".cache/go-build/of-host")) != "" {
		t.Error("the grant was not what was written")
	}
	if r := w.Bash("cd ~/.cache && rmdir go-build && ln -s " + outside + " go-build && ln -s " + outside + " made"); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	if r := w.Bash("touch ~/.cache/go-build/x", grant...); r.Status == 0 {
		t.Errorf("a start through the link of a jail: %s", r)
	}
	w.Mkdir(filepath.Join(w.Home, ".cache/made/deep"), 0o755)
	if r := w.Bash("true", "--write", "~/.cache/made/deep"); r.Status == 0 {
		t.Errorf("a start through the link of a jail: %s", r)
	}
	if left, err := filepath.Glob(outside + "/*"); err != nil || len(left) > 0 {
		t.Errorf("%q, %v", left, err)
	}
}
