package world

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
)

// Placeholder is the key that the agent gets. It is worth nothing.
const Placeholder = "sk-ant-api03-placeholder-0123456789abcdefghij"

// FakeAPI starts the scripted API, and returns its address and request log.
func (w *World) FakeAPI(turns any) (url, log string) {
	w.T.Helper()
	script, err := json.Marshal(turns)
	if err != nil {
		w.T.Fatal(err)
	}
	addr := filepath.Join(w.Dir, "addr")
	log = filepath.Join(w.Dir, "requests.jsonl")
	c := exec.Command(RequireVariable(w.T, "FAKEAPI"), "-script", w.Write(w.Dir+"/turns.json", string(script)), "-addrfile", addr, "-log", log)
	if w.Lab != nil {
		w.Lab.Enter(c)
	}
	if err := c.Start(); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	WaitFor(w.T, "the API", func() bool { _, err := os.Stat(addr); return err == nil })
	return "http://" + w.Read(addr), log
}

// AgentFlags make the real agent speak to the scripted API and nothing else.
func (w *World) AgentFlags(name, url string) []string {
	w.T.Helper()
	return []string{
		"--closure", RequireVariable(w.T, name+"_CLOSURE"), "--package", RequireVariable(w.T, "CLAUDE"), "--net", "host",
		"--env", "ANTHROPIC_BASE_URL=" + url, "--env", "ANTHROPIC_API_KEY=" + Placeholder,
		"--env", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "--env", "DISABLE_TELEMETRY=1", "--env", "DISABLE_ERROR_REPORTING=1", "--env", "CLAUDE_CODE_MAX_RETRIES=1",
	}
}

// Seed makes the private configuration one that has answered all questions.
func (w *World) Seed() {
	w.T.Helper()
	text, err := json.Marshal(map[string]any{
		"hasCompletedOnboarding": true, "theme": "dark", "bypassPermissionsModeAccepted": true,
		"customApiKeyResponses": map[string]any{"approved": []string{Placeholder[len(Placeholder)-20:]}, "rejected": []string{}},
		"projects":              map[string]any{w.Project: map[string]any{"hasTrustDialogAccepted": true}},
	})
	if err != nil {
		w.T.Fatal(err)
	}
	w.Write(w.Private(".claude.json"), string(text))
}

// Brokered gives w a lab in which a scripted API is api.anthropic.com, and a
// key for it that no source and no binary has.
func Brokered(t *testing.T, turns any) (w *World, l *Lab, key, log string) {
	t.Helper()
	w, l = NewLab(t)
	url, log := w.FakeAPI(turns)
	l.Ask(lab.Order{Name: "api.anthropic.com", Answers: [][]string{{lab.PublicA}}, Backend: strings.TrimPrefix(url, "http://")})
	l.Ask(lab.Order{Name: "other.example", Answers: [][]string{{lab.PublicB}}, Backend: strings.TrimPrefix(url, "http://")})
	key = "sk-ant-api03-" + rand.Text() + rand.Text()
	w.Env["ANTHROPIC_API_KEY"] = key
	return w, l, key, log
}

// APIRequest is what a scripted API notes of a request.
type APIRequest struct {
	Host, URL string
	Headers   http.Header
	Body      json.RawMessage
}

// APIRequests are the requests in the log of FakeAPI.
func (w *World) APIRequests(log string) (all []APIRequest) {
	w.T.Helper()
	for _, line := range Lines(w.Read(log)) {
		var r APIRequest
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			w.T.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// SessionLog is the text of all logs.
func (w *World) SessionLog() (text string) {
	w.T.Helper()
	logs, _ := filepath.Glob(w.Home + "/.local/state/jailed-claude/log/*")
	for _, l := range logs {
		text += w.Read(l)
	}
	return text
}

// OrPanic is for what can only fail where the machine is broken.
func OrPanic(s string, err error) string {
	if err != nil {
		panic(err)
	}
	return s
}

// Shop fills the folder of files that the lab serves under a name: a page, a
// git repository, and what the registries of several languages serve.
func (w *World) Shop(name string) {
	w.T.Helper()
	dir := filepath.Join(w.Dir, "www", name)
	w.Write(dir+"/page", "the page\n")
	w.Git(w.Project, "clone", "--quiet", "--bare", ".", dir+"/repo.git")
	w.Git(dir+"/repo.git", "update-server-info")
	// A registry of cargo, and what one of containers says to who may log in.
	index := filepath.Join(w.Dir, "index of "+name)
	w.Write(index+"/config.json", `{"dl":"https://`+name+`/crates","api":"https://`+name+`"}`)
	w.Git(index, "init", "--quiet")
	w.Git(index, "add", ".")
	w.Git(index, "commit", "--quiet", "-m", "index")
	w.Git(index, "clone", "--quiet", "--bare", ".", dir+"/index.git")
	w.Git(dir+"/index.git", "update-server-info")
	w.Write(dir+"/api/v1/crates/new", `{"warnings":{"invalid_categories":[],"invalid_badges":[],"other":[]}}`)
	w.Write(dir+"/v2/index.html", "{}")
	w.Write(dir+"/tiny", `{"name":"tiny","description":"the package","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"tiny","version":"1.0.0","description":"the package","dist":{"tarball":"https://`+name+`/tiny.tgz"}}}}`)
	w.Write(dir+"/tiny.tgz", tarball(w, map[string]string{"package/package.json": `{"name":"tiny","version":"1.0.0"}`, "package/index.js": `module.exports = "the module"`}))
	wheel := "tiny-1.0.0-py3-none-any.whl"
	w.Write(dir+"/simple/tiny/index.html", `<!DOCTYPE html><a href="/`+wheel+`">`+wheel+`</a>`)
	w.Write(dir+"/"+wheel, zipped(w, map[string]string{
		"tiny.py": "", "tiny-1.0.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0.0\n",
		"tiny-1.0.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n", "tiny-1.0.0.dist-info/RECORD": "",
	}))
	module := dir + "/example.org/tiny/@v/"
	w.Write(module+"list", "v1.0.0\n")
	w.Write(module+"v1.0.0.info", `{"Version":"v1.0.0","Time":"2026-01-01T00:00:00Z"}`)
	w.Write(module+"v1.0.0.mod", "module example.org/tiny\n")
	w.Write(module+"v1.0.0.zip", zipped(w, map[string]string{"example.org/tiny@v1.0.0/go.mod": "module example.org/tiny\n"}))
}

func tarball(w *World, files map[string]string) string {
	w.T.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	a := tar.NewWriter(z)
	for name, text := range files {
		if err := a.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			w.T.Fatal(err)
		}
		if _, err := a.Write([]byte(text)); err != nil {
			w.T.Fatal(err)
		}
	}
	if a.Close() != nil || z.Close() != nil {
		w.T.Fatal("tar")
	}
	return b.String()
}

func zipped(w *World, files map[string]string) string {
	w.T.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		f, err := z.Create(name)
		if err != nil {
			w.T.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			w.T.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		w.T.Fatal(err)
	}
	return b.String()
}
