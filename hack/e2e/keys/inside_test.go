package keys

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// TestLogInInside: the real agent logs in inside of a jail, by its own program.
// The tokens that the service gives stay outside and are used from there, in
// this jail and the next ones of the project, until the agent logs out.
func TestLogInInside(t *testing.T) {
	t.Parallel()
	placeholder := agent.Claude().Keys[1].For("").Placeholder()
	w, l, _, log := world.Brokered(t, looking(t, placeholder))
	delete(w.Env, "ANTHROPIC_API_KEY")
	secret := "sk-ant-" + rand.Text() + rand.Text()
	count := tokenEndpoint(w, l, secret, eightHours)
	w.Write("masked", masked(secret))
	run := func(stdin string, args ...string) world.Result {
		t.Helper()
		c := w.Command(append([]string{"run", "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE")}, args...)...)
		c.Stdin = strings.NewReader(stdin)
		return world.Finish(t, c)
	}
	if r := run("the-code#some-state\n", "--net", "internet", "--", "auth", "login"); r.Status != 0 || !strings.Contains(r.Out+r.Err, "Login successful") {
		t.Fatalf("%s\nlog: %s", r, w.SessionLog())
	}
	kept := filepath.Join(w.State(), "login", "claude", ".credentials.json")
	var file struct {
		OAuth struct {
			AccessToken, RefreshToken string
			ExpiresAt                 int64
		} `json:"claudeAiOauth"`
	}
	if err := json.Unmarshal([]byte(w.Read(kept)), &file); err != nil || file.OAuth.AccessToken != secret+"-a1" || file.OAuth.RefreshToken != secret+"-r1" {
		t.Errorf("%v: kept is %+v", err, file)
	}
	if st, err := os.Stat(kept); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st, err)
	}
	if text := w.Read(w.Private(".credentials.json")); strings.Contains(text, secret) || !strings.Contains(text, placeholder) {
		t.Errorf("inside is %s", text)
	}
	free(w, w.Private(""), secret)
	free(w, w.Project, secret)
	if text := w.SessionLog(); strings.Contains(text, secret) {
		t.Errorf("the session log has a token: %s", text)
	}
	// The next jail has no way to the endpoint, and works with the login. Its
	// token runs out and is refreshed.
	w.Write(kept, strings.Replace(w.Read(kept), `"expiresAt":`, `"expiresAt":1,"was":`, 1))
	h := look(t, w, "none")
	with := carried(t, w.APIRequests(log), secret+"-a1", secret+"-a2")
	if n := count(); with < 2 || n != "2" {
		t.Errorf("%d requests had the token, after it was given out %s times", with, n)
	}
	if len(h.Key) > 0 || len(h.Placeholder) == 0 {
		t.Errorf("a token is in %q, the placeholder in %q", h.Key, h.Placeholder)
	}
	// Another project does not have it.
	other := w.Home + "/other"
	w.Mkdir(other, 0o755)
	c := w.Command("shell", "--project", other, "--package", "host", "--net", "internet", "--", "bash", "-c", "cat ~/.claude/.credentials.json || echo none")
	if r := world.Finish(t, c); r.Out != "none\n" {
		t.Errorf("another project has %s", r)
	}
	// Logging out inside ends the login at the service, and outside.
	if r := run("", "--net", "internet", "--", "auth", "logout"); r.Status != 0 || count() != "revoked" {
		t.Errorf("%s: %s", count(), r)
	}
	if _, err := os.Stat(kept); err == nil {
		t.Errorf("kept is %s", w.Read(kept))
	}
}

// TestLoginCommands: login, status and logout, of the terminal.
func TestLoginCommands(t *testing.T) {
	t.Parallel()
	w, l, _, _ := world.Brokered(t, []map[string]any{{"text": "hello"}})
	delete(w.Env, "ANTHROPIC_API_KEY")
	secret := "sk-ant-" + rand.Text() + rand.Text()
	count := tokenEndpoint(w, l, secret, eightHours)
	jailed := func(args ...string) world.Result {
		t.Helper()
		c := w.Command(args...)
		c.Stdin = strings.NewReader("the-code#some-state\n")
		r := world.Finish(t, c)
		if strings.Contains(r.Out+r.Err, secret) {
			t.Errorf("a token is shown: %s", r)
		}
		return r
	}
	agentFlags := []string{"--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE")}
	status := func(want string) {
		t.Helper()
		if r := jailed("status"); r.Status != 0 || !strings.Contains(r.Out, want) {
			t.Errorf("not %q: %s", want, r)
		}
	}
	status("claude     none: log in")
	if r := jailed("logout"); r.Status != 125 || !strings.Contains(r.Err, "no login of its own") {
		t.Errorf("%s", r)
	}
	// The network of the policy does not matter for it.
	if r := jailed(append([]string{"login", "--net", "none"}, agentFlags...)...); r.Status != 0 || !strings.Contains(r.Out+r.Err, "Login successful") {
		t.Fatalf("%s\nlog: %s", r, w.SessionLog())
	}
	status("the login of this project, ~/.local/state/jailed-claude/projects/")
	if r := jailed("logout"); r.Status != 0 || count() != "revoked" {
		t.Errorf("%s: %s", count(), r)
	}
	status("claude     none: log in")
	// Where the user says so, it is the host's own.
	w.Write(w.Home+"/.claude/.credentials.json", `{"mcpOAuth":{"a":1}}`)
	if err := os.Remove(filepath.Join(w.Dir, "refreshes")); err != nil {
		t.Fatal(err)
	}
	secret = "sk-ant-" + rand.Text() + rand.Text()
	tokenEndpoint(w, l, secret, eightHours)
	if r := jailed(append([]string{"login", "--host"}, agentFlags...)...); r.Status != 0 || !strings.Contains(r.Out+r.Err, "Login successful") {
		t.Fatalf("%s\nlog: %s", r, w.SessionLog())
	}
	if text := w.Read(w.Home + "/.claude/.credentials.json"); !strings.Contains(text, secret+"-a1") || !strings.Contains(text, `"mcpOAuth":{"a":1}`) {
		t.Errorf("the host has %s", text)
	}
	status("the login of the host, ~/.claude")
	// Of a login that cannot be kept outside nothing is begun.
	if r := jailed(append([]string{"login", "--net", "host"}, agentFlags...)...); r.Status != 125 || !strings.Contains(r.Err, "outside") {
		t.Errorf("%s", r)
	}
}

// TestTokenEndsInATurn: the access token of the host's login runs out between
// two requests of one turn of the real agent, which does not notice.
func TestTokenEndsInATurn(t *testing.T) {
	t.Parallel()
	// A slow machine may need longer than the first of these for its first request,
	// or for a refresh, without which the old token is used as long as it is good.
	last := ""
	for _, seconds := range []int{15, 60} {
		w, l, _, log := world.Brokered(t, []map[string]any{
			{"tools": []any{map[string]any{"name": "Bash", "input": map[string]any{"description": "Wait", "command": "sleep " + world.Itoa(seconds+2), "timeout": 500000}}}}, {"text": "done waiting"},
		})
		delete(w.Env, "ANTHROPIC_API_KEY")
		secret, refreshes := hostLogin(t, w, l)
		name := w.Home + "/.claude/.credentials.json"
		w.Write(name, strings.Replace(w.Read(name), `"expiresAt":`, `"expiresAt":`+world.Itoa(int(time.Now().Add(5*time.Minute+time.Duration(seconds)*time.Second).UnixMilli()))+`,"was":`, 1))
		r := world.Finish(t, w.Command("run", "--net", "none", "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE"),
			"--", "-p", "wait", "--dangerously-skip-permissions"))
		if r.Status != 0 || !strings.Contains(r.Out, "done waiting") {
			t.Fatalf("%s\nlog: %s", r, w.SessionLog())
		}
		var turn []string
		for _, q := range w.APIRequests(log) {
			if strings.HasPrefix(q.URL, "/v1/messages") && len(q.Headers["Authorization"]) > 0 {
				turn = append(turn, strings.TrimPrefix(q.Headers.Get("Authorization"), "Bearer "+secret))
			}
		}
		last = fmt.Sprintf("the requests had %q, after %s refreshes", turn, refreshes())
		if len(turn) >= 2 && turn[0] == "-a0" && turn[len(turn)-1] == "-a1" && refreshes() == "1" {
			return
		}
	}
	t.Error(last)
}
