package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// mcpServer is an MCP server over HTTP with a login, as its specification has it:
// metadata of both services (RFC 9728, RFC 8414), clients that register
// themselves (RFC 7591), PKCE, refresh tokens that are used up, revocation.
type mcpServer struct {
	mu sync.Mutex
	// secret is in every token, at is the host of the login, hold how many seconds
	// a token holds.
	secret, at string
	hold       json.Number
	n          int
	challenge  string
	// seen is appended to: one line for each exchange.
	seen string
}

// mcp is the part "mcp". Its further arguments are the fields of mcpServer.
func mcp(args []string) int {
	return world.ServePart(args[0], &mcpServer{secret: args[1], at: args[2], hold: json.Number(args[3]), seen: args[4]})
}

func (s *mcpServer) note(format string, a ...any) {
	f, err := os.OpenFile(s.seen, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintf(f, format+"\n", a...)
	_ = f.Close()
}

func (s *mcpServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = r.ParseForm()
	answer := func(status int, a any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(a)
	}
	f, issuer := r.Form, "https://"+s.at
	switch {
	case strings.HasPrefix(r.URL.Path, "/.well-known/oauth-protected-resource"):
		answer(200, map[string]any{"resource": "https://mcp.example/mcp", "authorization_servers": []string{issuer}, "scopes_supported": []string{"tools"}})
	case strings.HasPrefix(r.URL.Path, "/.well-known/oauth-authorization-server"):
		answer(200, map[string]any{
			"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token", "registration_endpoint": issuer + "/register",
			"revocation_endpoint": issuer + "/revoke", "response_types_supported": []string{"code"}, "grant_types_supported": []string{"authorization_code", "refresh_token"},
			"code_challenge_methods_supported": []string{"S256"}, "token_endpoint_auth_methods_supported": []string{"none"},
		})
	case r.URL.Path == "/register" && r.Method == http.MethodPost:
		var q map[string]any
		_ = json.NewDecoder(r.Body).Decode(&q)
		q["client_id"] = "client-of-the-jail"
		s.note("register")
		answer(201, q)
	case r.URL.Path == "/authorize":
		if f.Get("client_id") != "client-of-the-jail" || f.Get("code_challenge_method") != "S256" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		s.challenge = f.Get("code_challenge")
		http.Redirect(w, r, f.Get("redirect_uri")+"?"+url.Values{"code": {"the-code"}, "state": {f.Get("state")}}.Encode(), http.StatusFound)
	case r.URL.Path == "/token":
		sum := sha256.Sum256([]byte(f.Get("code_verifier")))
		code := f.Get("grant_type") == "authorization_code" && f.Get("code") == "the-code" && base64.RawURLEncoding.EncodeToString(sum[:]) == s.challenge
		again := f.Get("grant_type") == "refresh_token" && f.Get("refresh_token") == fmt.Sprintf("%s-r%d", s.secret, s.n)
		if f.Get("client_id") != "client-of-the-jail" || !code && !again {
			s.note("refused %v", r.Form)
			answer(400, map[string]any{"error": "invalid_grant"})
			return
		}
		s.n++
		s.note("%s", f.Get("grant_type"))
		answer(200, map[string]any{"token_type": "Bearer", "access_token": fmt.Sprintf("%s-a%d", s.secret, s.n), "refresh_token": fmt.Sprintf("%s-r%d", s.secret, s.n), "expires_in": s.hold, "scope": "tools"})
	case r.URL.Path == "/revoke":
		s.note("revoke %s", strings.ReplaceAll(f.Get("token"), s.secret, "SECRET"))
		s.secret += "-no-more"
	case r.URL.Path != "/mcp":
		http.NotFound(w, r)
	case s.n == 0 || r.Header.Get("Authorization") != fmt.Sprintf("Bearer %s-a%d", s.secret, s.n):
		s.note("401")
		w.Header().Set("Www-Authenticate", `Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource/mcp"`)
		answer(401, map[string]any{"error": "invalid_token"})
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		s.call(w, r, answer)
	}
}

// call answers what is asked of the tools.
func (s *mcpServer) call(w http.ResponseWriter, r *http.Request, answer func(int, any)) {
	var q struct {
		ID     json.RawMessage
		Method string
		Params struct {
			ProtocolVersion string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	var result any = map[string]any{}
	switch q.Method {
	case "initialize":
		result = map[string]any{"protocolVersion": q.Params.ProtocolVersion, "capabilities": map[string]any{"tools": map[string]any{}}, "serverInfo": map[string]any{"name": "srv", "version": "1"}}
	case "tools/list":
		result = map[string]any{"tools": []any{map[string]any{"name": "hello", "description": "Says hello", "inputSchema": map[string]any{"type": "object"}}}}
	case "tools/call":
		s.note("tools/call")
		result = map[string]any{"content": []any{map[string]any{"type": "text", "text": "hello from the tool"}}}
	}
	answer(200, map[string]any{"jsonrpc": "2.0", "id": q.ID, "result": result})
}

const mcpPlaceholder = "placeholder-for-the-mcp-example-key-which-stays-outside-of-this-jail"

// newMCP gives w a project with the server "srv" and the policy that names its token
// endpoint. secret is in every token; seen is what the server saw.
func newMCP(t *testing.T, at string) (w *world.World, l *world.Lab, secret string, seen func() string) {
	t.Helper()
	hunter := world.PartEnv + "=keyhunt " + self(t) + " $(cat masked) " + masked(mcpPlaceholder)
	w, l, _, _ = world.Brokered(t, []map[string]any{
		{"tools": []any{map[string]any{"name": "mcp__srv__hello", "input": map[string]any{}}}},
		{"tools": []any{map[string]any{"name": "Bash", "input": map[string]any{"description": "Look", "command": hunter}}}},
		{"text": "{{tool_result}}"},
	})
	secret = "mcp-" + rand.Text() + rand.Text()
	file := filepath.Join(w.Dir, "seen")
	w.Write(file, "")
	w.Write("masked", masked(secret))
	backend := l.Part(w, "mcp", secret, at, "1", file) // a token is refreshed before each request: there are five minutes less
	for _, name := range []string{"auth.example", "mcp.example"} {
		l.Name(name, lab.PublicA)
		l.Ask(lab.Order{Name: name, Answers: [][]string{{lab.PublicA}}, Backend: backend})
	}
	w.Write(w.Home+"/.config/jailed-claude/config.toml", "version = 1\nnetwork.mode = \"none\"\n[[broker]]\nhost = \"mcp.example\"\nlogin = \"https://"+at+"/token\"\n")
	return w, l, secret, func() string { return w.Read(file) }
}

// TestMCPLogin: the real agent logs in at an MCP server by its own command, once
// with a page that answers to the jail and once with an address that is pasted. The
// tokens stay outside, the tool is called with them, and they are refreshed there.
func TestMCPLogin(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{"callback": "auth.example", "pasted": "mcp.example"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, l, secret, seen := newMCP(t, at)
			agent := []string{"run", "--closure", world.RequireVariable(t, "DEVENV_NODE_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE")}
			in := func(args ...string) world.Result {
				t.Helper()
				return world.Finish(t, w.Command(append(append(slices.Clone(agent), "--"), args...)...))
			}
			if r := in("mcp", "add", "--transport", "http", "srv", "https://mcp.example/mcp"); r.Status != 0 {
				t.Fatal(r)
			}
			p := world.NewPTY(t)
			args := append(slices.Clone(agent), "--env", "BROWSER="+w.Write("browser", "#!/bin/sh\nexec node -e 'fetch(process.argv[1])' \"$1\"\n"), "--", "mcp", "login", "srv")
			if err := os.Chmod(w.Project+"/browser", 0o755); err != nil {
				t.Fatal(err)
			}
			if name == "pasted" {
				args = append(args, "--no-browser")
			}
			c := w.Command(args...)
			c.Stdin, c.Stdout, c.Stderr = p.Slave, p.Slave, p.Slave
			p.Attach(c)
			if name == "pasted" {
				go paste(t, w, l, p)
			}
			if r := world.Finish(t, c); r.Status != 0 {
				t.Fatalf("%s\n%s\n%s\n%s", r, p.Shown(), seen(), w.SessionLog())
			}
			kept := filepath.Join(w.State(), "login", "services", "mcp-example", "login.json")
			if text := w.Read(kept); !strings.Contains(text, secret+"-a1") || !strings.Contains(text, secret+"-r1") {
				t.Errorf("kept is %s", text)
			}
			if text := w.Read(w.Private(".credentials.json")); strings.Contains(text, secret) || strings.Count(text, mcpPlaceholder) < 1 {
				t.Errorf("inside is %s", text)
			}
			if name == "pasted" {
				if r := in("mcp", "list"); !strings.Contains(r.Out, "Connected") {
					t.Errorf("after: %s\n%s", r, w.SessionLog())
				}
				// Logging out ends the login at the server, and outside.
				if r := in("mcp", "logout", "srv"); r.Status != 0 || !strings.Contains(seen(), "revoke SECRET-r") {
					t.Errorf("%s\n%s\n%s", r, seen(), w.SessionLog())
				}
				if _, err := os.Stat(kept); err == nil {
					t.Errorf("kept is %s", w.Read(kept))
				}
			} else {
				// A turn of the agent calls the tool.
				h := look(t, w, "none")
				if len(h.Key) > 0 || len(h.Placeholder) == 0 {
					t.Errorf("a token is in %q, the placeholder in %q", h.Key, h.Placeholder)
				}
				if got := seen(); strings.Count(got, "tools/call") != 1 || !strings.Contains(got, "refresh_token") || strings.Contains(got, "refused") {
					t.Errorf("the server saw %s", got)
				}
			}
			for _, dir := range []string{w.Private(""), w.Project} {
				free(w, dir, secret)
			}
			if text := w.SessionLog() + p.Shown(); strings.Contains(text, secret) {
				t.Errorf("a token was shown: %s", text)
			}
		})
	}
}

// page is an address at which a login is made, as the agent shows it.
var page = regexp.MustCompile(`https://[a-z.]+/authorize\?[!-~]+`)

// paste is what somebody does with a browser of the host, and the address that it
// ends at.
func paste(t *testing.T, w *world.World, l *world.Lab, p *world.PTY) {
	var at string
	world.WaitFor(t, "the page", func() bool {
		at = page.FindString(p.Shown())
		return at != "" && strings.Contains(strings.ToLower(p.Shown()), "paste")
	})
	c := exec.Command("curl", "-sS", "--cacert", l.CA, "-o", "/dev/null", "-w", "%{redirect_url}", at)
	c.Dir, c.Env = w.Dir, w.Environ()
	l.Enter(c)
	r := world.Finish(t, c)
	_, _ = p.Master.WriteString(r.Out + "\r")
}
