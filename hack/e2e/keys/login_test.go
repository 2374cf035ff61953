package keys

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// tokens is the part "tokens": the endpoint that gives out logins and refreshes
// them. A refresh token that comes a second time ends the login. Its further
// arguments are the secret that tokens begin with, the file that counts, and the
// seconds that a token holds.
func tokens(args []string) int {
	secret, counter, holds := args[1], args[2], json.Number(args[3])
	var mu sync.Mutex
	n := 0
	return world.ServePart(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var q map[string]string
		err := json.NewDecoder(r.Body).Decode(&q)
		switch {
		case err == nil && r.URL.Path == "/v1/oauth/token/revoke" && q["token"] == fmt.Sprintf("%s-r%d", secret, n):
			_ = os.WriteFile(counter, []byte("revoked"), 0o600)
			return
		case err == nil && q["grant_type"] == "authorization_code" && q["code"] == "the-code" && q["code_verifier"] != "" && n == 0:
			q["refresh_token"], q["scope"] = secret+"-r0", "user:inference user:profile"
		}
		if err != nil || r.URL.Path != "/v1/oauth/token" || n < 0 || q["refresh_token"] != fmt.Sprintf("%s-r%d", secret, n) {
			n = -1
			_ = os.WriteFile(counter, []byte("the login has ended"), 0o600)
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		n++
		_ = os.WriteFile(counter, []byte(fmt.Sprint(n)), 0o600)
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprintf("%s-a%d", secret, n), "refresh_token": fmt.Sprintf("%s-r%d", secret, n), "expires_in": holds, "scope": q["scope"]})
	}))
}

// hostLogin gives the host of w a login that has run out, and the lab who
// refreshes it. secret is in every token; refreshes says how many there were.
func hostLogin(t *testing.T, w *world.World, l *world.Lab) (secret string, refreshes func() string) {
	t.Helper()
	return hostLoginFor(t, w, l, eightHours)
}

// eightHours is how long tokens of the real service hold, in seconds.
const eightHours = "28800"

// hostLoginFor is hostLogin with tokens that hold as many seconds.
func hostLoginFor(t *testing.T, w *world.World, l *world.Lab, holds string) (secret string, refreshes func() string) {
	t.Helper()
	secret = "sk-ant-" + rand.Text() + rand.Text()
	w.Write(w.Home+"/.claude/.credentials.json", fmt.Sprintf(`{"mcpOAuth":{},"claudeAiOauth":{"accessToken":"%s-a0","refreshToken":"%s-r0","expiresAt":%d,"scopes":["user:inference","user:profile"],"subscriptionType":"max","rateLimitTier":"default_claude_max_20x"}}`,
		secret, secret, time.Now().Add(-time.Hour).UnixMilli()))
	return secret, tokenEndpoint(w, l, secret, holds)
}

// tokenEndpoint is platform.claude.com in the lab. It returns what says how
// often it gave out tokens.
func tokenEndpoint(w *world.World, l *world.Lab, secret, holds string) (count func() string) {
	counter := filepath.Join(w.Dir, "refreshes")
	l.Ask(lab.Order{Name: "platform.claude.com", Answers: [][]string{{lab.PublicC}}, Backend: l.Part(w, "tokens", secret, counter, holds)})
	return func() string {
		text, err := os.ReadFile(counter)
		if err != nil {
			return "0"
		}
		return string(text)
	}
}

// TestLoginTurn: the real agent works with the login of the host, which has
// run out, without a word of configuration. No token of it is in the jail.
func TestLoginTurn(t *testing.T) {
	t.Parallel()
	placeholder := agent.Claude().Keys[1].For("").Placeholder()
	w, l, _, log := world.Brokered(t, looking(t, placeholder))
	delete(w.Env, "ANTHROPIC_API_KEY")
	secret, refreshes := hostLogin(t, w, l)
	w.Write("masked", masked(secret)) // in every token
	h := look(t, w, "none")
	with := carried(t, w.APIRequests(log), secret+"-a1")
	if n := refreshes(); with < 2 || n != "1" {
		t.Errorf("%d requests had the token, after %s refreshes", with, n)
	}
	if len(h.Key) > 0 || !strings.Contains(strings.Join(h.Placeholder, "\n"), "memory of") || !strings.Contains(strings.Join(h.Placeholder, "\n"), ".credentials.json") {
		t.Errorf("a token is in %q, the placeholder in %q", h.Key, h.Placeholder)
	}
	// The file of the host is what its own claude reads; nothing else has it.
	var file struct {
		OAuth struct {
			AccessToken, RefreshToken, SubscriptionType string
			ExpiresAt                                   int64
		} `json:"claudeAiOauth"`
	}
	name := w.Home + "/.claude/.credentials.json"
	if err := json.Unmarshal([]byte(w.Read(name)), &file); err != nil || file.OAuth.AccessToken != secret+"-a1" || file.OAuth.RefreshToken != secret+"-r1" ||
		file.OAuth.SubscriptionType != "max" || file.OAuth.ExpiresAt < time.Now().UnixMilli() {
		t.Errorf("%v: the file of the host: %+v", err, file)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", st.Mode(), err)
	}
	for _, dir := range []string{w.Home + "/.local", w.Project} {
		free(w, dir, secret)
	}
	if entries, err := os.ReadDir(w.Home + "/.claude"); err != nil || len(entries) != 1 {
		t.Errorf("%v: beside the file: %v", err, entries)
	}
	// A second jail has the placeholder already.
	if h := look(t, w, "internet"); len(h.Key) > 0 {
		t.Errorf("a token is in %q", h.Key)
	}
	if n := refreshes(); n != "1" {
		t.Errorf("%s refreshes", n)
	}
	// agent.key = "none" takes it away.
	if out := w.Must(`cat ~/.claude/.credentials.json || echo gone`); !strings.Contains(out, placeholder) {
		t.Errorf("in a shell: %s", out)
	}
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\nagent.key = \"none\"\n")
	if out := w.Must(`cat ~/.claude/.credentials.json || echo gone`); out != "gone\n" {
		t.Errorf("with agent.key = \"none\": %s", out)
	}
}

// TestManyLogins: ten jails and the host's own claude start on a login that has
// run out. There is one refresh, and nobody is logged out.
func TestManyLogins(t *testing.T) {
	t.Parallel()
	w, l, _, log := world.Brokered(t, []map[string]any{{"text": "hello"}})
	delete(w.Env, "ANTHROPIC_API_KEY")
	secret, refreshes := hostLogin(t, w, l)
	var running sync.WaitGroup
	for range 10 {
		running.Go(func() {
			r := world.Finish(t, w.Command("shell", "--package", "host", "--net", "none", "--", "bash", "-c",
				`curl -sSf -o /dev/null -H "Authorization: Bearer $(sed 's/.*"accessToken":"\([^"]*\)".*/\1/' ~/.claude/.credentials.json)" https://api.anthropic.com/v1/models`))
			if r.Status != 0 {
				t.Error(r)
			}
		})
	}
	running.Go(func() {
		c := exec.Command(filepath.Join(world.RequireVariable(t, "CLAUDE"), "bin/claude"), "-p", "hello")
		c.Dir, c.Env = w.Project, append(w.Environ(), "NODE_EXTRA_CA_CERTS="+l.CA, "DISABLE_TELEMETRY=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1")
		l.Enter(c)
		if r := world.Finish(t, c); r.Status != 0 || !strings.Contains(r.Out, "hello") {
			t.Errorf("the host's: %s", r)
		}
	})
	running.Wait()
	if n := refreshes(); n != "1" {
		t.Errorf("refreshes: %s", n)
	}
	carried(t, w.APIRequests(log), secret+"-a1")
}
