package keys

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/spec/agent"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestBrokerTurn: the real agent does a turn with a key that is nowhere in the
// jail, in a network that lets nothing else out. One of its tool calls searches
// the jail for the key; that it finds the placeholder shows that it can search.
func TestBrokerTurn(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"none", "filtered"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w, l, key, log := world.Brokered(t, looking(t, agent.Claude().Keys[0].For("").Placeholder()))
			w.Write("masked", masked(key))
			h := look(t, w, mode)
			requests := w.APIRequests(log)
			if len(requests) < 2 {
				t.Fatalf("requests: %d\nlog: %s", len(requests), w.SessionLog())
			}
			for _, q := range requests {
				if q.Host != "api.anthropic.com" || !slices.Equal(q.Headers["X-Api-Key"], []string{key}) {
					t.Errorf("%s %s came with the key %q", q.Host, q.URL, q.Headers["X-Api-Key"])
				}
				q.Headers.Del("X-Api-Key")
				if text := fmt.Sprint(q.Headers) + string(q.Body); strings.Contains(text, key) {
					t.Errorf("the key is in another place of a request: %s", text)
				}
			}
			if len(h.Key) > 0 {
				t.Errorf("the key is in %q", h.Key)
			}
			found := strings.Join(h.Placeholder, "\n")
			if !strings.Contains(found, "environ of") || !strings.Contains(found, "memory of") || !strings.Contains(strings.Join(h.Searched, "\n"), " claude") {
				t.Errorf("the search is no search: the placeholder was found in %q, in the memory of %q", h.Placeholder, h.Searched)
			}
			t.Logf("searched %d files, %d MB, the memory of %q, not that of %q", h.Files, h.Bytes>>20, h.Searched, h.Closed)
			if got := l.Caught(); slices.ContainsFunc(got.Hits, func(s string) bool { return s != "tcp "+lab.PublicA+":443" }) {
				t.Errorf("the lab was reached at %q", got.Hits)
			}
			// What stays on the host, and what can be given away.
			if got := w.SessionLog(); !strings.Contains(got, "/v1/messages") || strings.Contains(got, key) {
				t.Errorf("the session's log: %s", got)
			}
			bundle := filepath.Join(w.Dir, "bundle")
			for _, args := range [][]string{{"spec"}, {"explain"}, {"bundle"}} {
				args = append(args, "--net", mode, "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"))
				if args[0] == "bundle" {
					args = append(args, bundle)
				}
				if r := world.Finish(t, w.Command(args...)); r.Status != 0 || strings.Contains(r.Out+r.Err, key) {
					t.Errorf("%s: %s", args[0], r)
				}
			}
			for _, dir := range []string{bundle, w.Home, w.Project} {
				free(w, dir, key)
			}
		})
	}
}

// TestBrokerScreen: on screen the agent uses the placeholder without a question
// about it.
func TestBrokerScreen(t *testing.T) {
	t.Parallel()
	w, _, key, log := world.Brokered(t, []map[string]any{{"text": "hello from the script"}})
	w.Write(w.Private(".claude.json"),
		fmt.Sprintf(`{"hasCompletedOnboarding": true, "theme": "dark", "projects": {%q: {"hasTrustDialogAccepted": true}}}`, w.Project))
	s := w.Screen()
	s.Line(world.CommandLine(w.Command("run", "--net", "none", "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE")).Args))
	s.Wait("Claude Code")
	s.Line("say hello")
	s.Wait("hello from the script")
	if strings.Contains(s.Shown(), "API key") {
		t.Errorf("a question, or a complaint:\n%s", s.Shown())
	}
	s.Line("/exit")
	s.Prompt("host>")
	if n := len(w.APIRequests(log)); n == 0 || strings.Contains(w.Read(w.Private(".claude.json")), key[len(key)-20:]) {
		t.Errorf("%d requests, or the end of the key is in the configuration", n)
	}
}

// free: no file of a folder has a text in it.
func free(w *world.World, dir, text string) {
	w.T.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		n++
		if content, err := os.ReadFile(p); err != nil || strings.Contains(string(content), text) {
			w.T.Errorf("%s has the key, or cannot be read: %v", p, err)
		}
		return nil
	})
	if err != nil || n == 0 {
		w.T.Errorf("%s: %d files, %v", dir, n, err)
	}
}

// misuse is the part "misuse": it sends each request of its arguments, "ADDRESS
// METHOD TARGET [HEADER: VALUE]", and prints the status and the body, or "-". To
// a broker it says that it wants another host.
func misuse(args []string) int {
	for _, a := range args {
		words := strings.SplitN(a, " ", 4)
		host, _, _ := strings.Cut(words[0], ":")
		if strings.HasSuffix(host, ".internal") {
			host = "evil.example"
		}
		header := ""
		if len(words) == 4 {
			header = words[3] + "\r\n"
		}
		_, _ = fmt.Println(request(words[0], words[1]+" "+words[2]+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n"+header+"\r\n"))
	}
	return 0
}

func request(addr, text string) string {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return "-"
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		return "-"
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "-"
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return fmt.Sprintf("%d %q", resp.StatusCode, body)
}

// TestBrokerMisuse: from inside, a broker is good for what it is there for and
// for nothing else, and the placeholder is worth nothing elsewhere.
func TestBrokerMisuse(t *testing.T) {
	t.Parallel()
	w, l, key, log := world.Brokered(t, []map[string]any{{"text": "x"}})
	b := agent.Claude().Keys[0].For("")
	at, mine := b.Inside()+":80 ", "X-Api-Key: "+b.Placeholder()
	wants := [][2]string{
		{at + "GET /v1/models " + mine, "200"},
		{at + "GET /v1/models X-Api-Key: sk-ant-attackers-own-key", "403"},
		{at + "GET /v1/models Authorization: Bearer sk-ant-attackers-own-key", "403"},
		{at + "GET /v1/models", "403"},
		{at + "GET /v1/organizations/api_keys " + mine, "403"},
		{at + "GET /v1/models/../organizations " + mine, "400"},
		{at + "GET /v1/models/%2e%2e/organizations " + mine, "400"},
		{at + "GET https://other.example/v1/models " + mine, "400"},
		{at + "CONNECT other.example:443 " + mine, "405"},
		{b.Inside() + ":443 GET /v1/models " + mine, "-"},
		{"api.anthropic.com:80 GET /v1/models " + mine, "-"},
		{"other.example:80 GET /v1/models " + mine, "200"}, // as it was sent
	}
	c := w.Part("misuse", "--net", "filtered", "--allow", "other.example:80")
	for _, want := range wants {
		c.Args = append(c.Args, want[0])
	}
	r := world.Finish(t, c)
	got := world.Lines(r.Out)
	if r.Status != 0 || len(got) != len(wants) {
		t.Fatal(r)
	}
	for i, want := range wants {
		if !strings.HasPrefix(got[i], want[1]) {
			t.Errorf("%s: %s, want %s", want[0], got[i], want[1])
		}
	}
	requests := w.APIRequests(log)
	if len(requests) != 2 || requests[0].Host != "api.anthropic.com" || requests[0].Headers.Get("X-Api-Key") != key ||
		requests[1].Headers.Get("X-Api-Key") != b.Placeholder() {
		t.Errorf("requests outside: %+v", requests)
	}
	if s := r.Out + r.Err + w.SessionLog(); strings.Contains(s, key) {
		t.Errorf("the key was shown: %s", s)
	}
	l.Caught()
	// Without a broker there is neither placeholder nor name.
	c = w.Part("misuse", "--net", "none", "--env", "ANTHROPIC_API_KEY")
	c.Args = append(c.Args, wants[0][0])
	if r := world.Finish(t, c); r.Out != "-\n" {
		t.Errorf("without a broker: %s", r)
	}
}

// TestBrokerTools: git and npm use keys that stay outside, as docs/keys.md
// says, from a file and from a program.
func TestBrokerTools(t *testing.T) {
	t.Parallel()
	w, l := world.NewLab(t)
	for _, name := range []string{"git.example", "npm.example"} {
		l.Name(name, lab.PublicA)
		w.Shop(name)
	}
	w.Write(w.Home+"/.secrets/git", "ghp-"+world.Planted+"\n")
	w.Write(w.Home+"/bin/npm-key", "#!/bin/sh\necho npm-"+world.Planted+"\n")
	if err := os.Chmod(w.Home+"/bin/npm-key", 0o700); err != nil {
		t.Fatal(err)
	}
	w.Write(w.Home+"/.config/jailed-claude/config.toml", `version = 1
[network]
mode = "none"
[env.set]
GIT_CONFIG_COUNT   = "2"
GIT_CONFIG_KEY_0   = "url.http://git.broker.internal/.insteadOf"
GIT_CONFIG_VALUE_0 = "https://git.example/"
GIT_CONFIG_KEY_1   = "credential.http://git.broker.internal.helper"
GIT_CONFIG_VALUE_1 = "!f() { echo username=x-access-token; echo password=$GIT_KEY; }; f"
[[broker]]
name = "git"
upstream = "https://git.example"
header = "Authorization"
from = "file:~/.secrets/git"
env = "GIT_KEY"
paths = ["/repo.git/"]
[[broker]]
name = "npm"
upstream = "https://npm.example"
header = "Authorization"
from = "command:~/bin/npm-key"
env = "NPM_KEY"
url-env = "NPM_CONFIG_REGISTRY"
`)
	try := func(program, script, wants string) {
		t.Run(program, func(t *testing.T) {
			world.RequireTool(t, program)
			r := world.Finish(t, w.Command("shell", "--package", "host", "--", "bash", "-c", "cd /tmp && "+script))
			if r.Status != 0 || !strings.Contains(r.Out, wants) || strings.Contains(r.Out+r.Err, world.Planted) {
				t.Errorf("%s\n%s", r, w.SessionLog())
			}
		})
	}
	try("git", `git clone -q https://git.example/repo.git c && cat c/README; env | grep -i key`, "a project")
	try("npm", `npm config set //npm.broker.internal/:_authToken "$NPM_KEY" && npm install --fetch-retries 0 --replace-registry-host always --no-audit --no-fund tiny >&2 && node -p 'require("tiny")'`, "the module")
	if s := w.SessionLog(); !strings.Contains(s, `"/repo.git/info/refs"`) || strings.Contains(s, world.Planted) {
		t.Errorf("the log: %s", s)
	}
	// A key that is not there stops the start, with what to do.
	if err := os.Remove(w.Home + "/.secrets/git"); err != nil {
		t.Fatal(err)
	}
	if r := world.Finish(t, w.Command("shell", "--package", "host", "--", "true")); r.Status != 125 || !strings.Contains(r.Err, `broker "git"`) || !strings.Contains(r.Err, "hint:") {
		t.Error(r)
	}
}
