package keys

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// oauthService is the part "oauth": a service with logins of its own, as MCP
// servers are, and their token endpoint. Its further arguments are the secret that
// tokens begin with, the file that counts, and the seconds that a token holds.
func oauthService(args []string) int {
	secret, counter, holds := args[1], args[2], json.Number(args[3])
	var mu sync.Mutex
	n := 0
	return world.ServePart(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = r.ParseForm()
		f := r.PostForm
		again := f.Get("client_id") == "client-of-the-jail" && f.Get("resource") == "https://mcp.example/mcp"
		switch {
		case r.URL.Path == "/register":
			_, _ = fmt.Fprintln(w, `{"client_id":"client-of-the-jail"}`)
		case r.URL.Path == "/mcp" && n > 0 && r.Header.Get("Authorization") == fmt.Sprintf("Bearer %s-a%d", secret, n):
			_, _ = fmt.Fprintf(w, "a tool, by %s\n", r.Header.Get("Authorization"))
		case r.URL.Path == "/mcp":
			w.Header().Set("Www-Authenticate", `Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource"`)
			http.Error(w, "log in", http.StatusUnauthorized)
		case r.URL.Path == "/token" && again && (f.Get("grant_type") == "authorization_code" && f.Get("code") == "the-code" ||
			f.Get("grant_type") == "refresh_token" && n > 0 && f.Get("refresh_token") == fmt.Sprintf("%s-r%d", secret, n) && n != 3):
			n++
			_ = os.WriteFile(counter, []byte(fmt.Sprint(n)), 0o600)
			_ = json.NewEncoder(w).Encode(map[string]any{"token_type": "Bearer", "access_token": fmt.Sprintf("%s-a%d", secret, n), "refresh_token": fmt.Sprintf("%s-r%d", secret, n), "expires_in": holds})
		default:
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		}
	}))
}

// TestServiceLogin: a login that a program of the jail makes at a service whose
// token endpoint the policy names stays outside, is refreshed there, and is used
// in the next jails of the project and no others. One that has ended is made anew.
func TestServiceLogin(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"auth.example", "mcp.example"} {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			w, l := world.NewLab(t)
			secret := "mcp-" + rand.Text() + rand.Text()
			counter := filepath.Join(w.Dir, "given")
			backend := l.Part(w, "oauth", secret, counter, "1") // refreshed by each request: there are five minutes less
			for _, name := range []string{"auth.example", "mcp.example"} {
				l.Name(name, lab.PublicA)
				l.Ask(lab.Order{Name: name, Answers: [][]string{{lab.PublicA}}, Backend: backend})
			}
			w.Write(w.Home+"/.config/jailed-claude/config.toml", `version = 1
network.mode = "none"
[[broker]]
host  = "mcp.example"
login = "https://`+endpoint+`/token"
`)
			in := func(project, script string) world.Result {
				t.Helper()
				w.Mkdir(project, 0o755)
				r := world.Finish(t, w.Command("shell", "--project", project, "--package", "host", "--", "bash", "-c", "P=placeholder-for-the-mcp-example-key-which-stays-outside-of-this-jail; E=https://"+endpoint+"; "+script))
				if text := r.Out + r.Err + w.SessionLog(); strings.Contains(text, secret) {
					t.Errorf("a token was shown: %s", text)
				}
				return r
			}
			const tool = `curl -sS -i -H "Authorization: Bearer $P" https://mcp.example/mcp; `
			const form = `--data-urlencode resource=https://mcp.example/mcp -d client_id=client-of-the-jail `
			const exchange = `curl -sS -X POST $E/register -d '{}' && curl -sS ` + form + `-d grant_type=authorization_code -d code=the-code $E/token; `
			if r := in(w.Project, tool); !strings.Contains(r.Out, "401") || !strings.Contains(r.Out, "resource_metadata") {
				t.Fatalf("before there is a login: %s\n%s", r, w.SessionLog())
			}
			r := in(w.Project, exchange+tool+`curl -sS `+form+`-d grant_type=refresh_token -d refresh_token=$P $E/token`)
			if strings.Count(r.Out, `"access_token":"placeholder-for-the-mcp-example`) != 2 || !strings.Contains(r.Out, "client-of-the-jail") || !strings.Contains(r.Out, "a tool, by Bearer [redacted]") {
				t.Fatalf("%s\n%s", r, w.SessionLog())
			}
			kept := filepath.Join(w.State(), "login", "services", "mcp-example", "login.json")
			if st, err := os.Stat(kept); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("%v %v", st, err)
			}
			// Another project has no such login.
			if r := in(w.Home+"/other", tool); !strings.Contains(r.Out, "401") {
				t.Errorf("another project: %s", r)
			}
			// The third refresh is refused, and what there was has run out: who made the login is asked for another.
			if r := in(w.Project, "sleep 1.2; "+tool); !strings.Contains(r.Out, "resource_metadata") {
				t.Errorf("a login that has ended: %s\n%s\n%s", r, w.Read(counter), w.SessionLog())
			}
			if r := in(w.Project, exchange+tool); !strings.Contains(r.Out, "a tool, by") {
				t.Errorf("a login that is made anew: %s\n%s", r, w.SessionLog())
			}
			// No way round: other spellings of the endpoint.
			if r := in(w.Project, `for p in /Token /token/ /oauth/token /t%6fken; do curl -sS -o /dev/null -w '%{http_code} ' `+form+`-d grant_type=authorization_code -d code=the-code $E$p; done`); strings.Contains(r.Out, "200") {
				t.Errorf("a way round: %s", r)
			}
		})
	}
}
