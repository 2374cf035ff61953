package broker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/network"
)

// keeper is a Keeper in memory.
type keeper struct {
	mu   sync.Mutex
	kept string
	full bool
}

func (k *keeper) Key(context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var a struct {
		Access string `json:"access_token"`
	}
	_ = json.Unmarshal([]byte(k.kept), &a) // or there is none
	return a.Access, nil
}
func (*keeper) Rejected(string) {}
func (k *keeper) Keep(_ context.Context, _, answer []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.full {
		return errors.New("no space left on device")
	}
	k.kept = string(answer)
	return nil
}

func (k *keeper) Refresh() string {
	if k.kept == "" {
		return ""
	}
	return "refresh-secret"
}
func (k *keeper) Forget(context.Context) error { k.kept = ""; return nil }

const (
	tokenAnswer = `{"token_type":"Bearer","access_token":"access-secret","refresh_token":"refresh-secret","id_token":"id-secret","expires_in":60,"scope":"a b","account":{"uuid":"u"}}`
	loginStands = "placeholder-of-the-login"
)

// tokenBroker is a broker of a service that gives out logins.
func tokenBroker(t *testing.T, k Keeper, answer http.HandlerFunc) (jail *http.Client, url string, log *[]Event) {
	t.Helper()
	return tokenBrokerOf(t, &network.Tokens{For: "api", Path: "/v1/oauth/token", Revoke: "/v1/oauth/token/revoke"}, k, answer)
}

func tokenBrokerOf(t *testing.T, tokens *network.Tokens, k Keeper, answer http.HandlerFunc) (jail *http.Client, url string, log *[]Event) {
	t.Helper()
	service := httptest.NewTLSServer(answer)
	t.Cleanup(service.Close)
	var mu sync.Mutex
	log = new([]Event)
	b, err := New(network.Broker{Name: "login", Upstream: service.URL, Tokens: tokens},
		Options{Keeper: k, Stands: loginStands, Log: func(e Event) { mu.Lock(); *log = append(*log, e); mu.Unlock() }})
	if err != nil {
		t.Fatal(err)
	}
	b.transport.TLSClientConfig.RootCAs = service.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	front := httptest.NewServer(http.HandlerFunc(b.handle))
	t.Cleanup(func() { front.Close(); _ = b.Close() })
	return front.Client(), front.URL, log
}

func post(t *testing.T, c *http.Client, url, kind, body string) (int, string) {
	t.Helper()
	resp, err := c.Post(url, kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// TestTokens: what the service gives out stays outside, however it is asked, and
// the jail gets placeholders that never run out.
func TestTokens(t *testing.T) {
	var asked []string
	k := new(keeper)
	c, url, log := tokenBroker(t, k, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.Path+" "+string(text))
		if strings.HasSuffix(r.URL.Path, "/token") {
			_, _ = io.WriteString(w, tokenAnswer)
		}
	})
	for _, body := range []string{`{"grant_type":"authorization_code","code":"c"}`, `{"grant_type":"refresh_token","refresh_token":"another"}`} {
		k.kept = ""
		status, text := post(t, c, url+"/v1/oauth/token", "application/json", body)
		var a map[string]any
		if err := json.Unmarshal([]byte(text), &a); err != nil || status != 200 || strings.Contains(text, "secret") || a["access_token"] != loginStands ||
			a["refresh_token"] != loginStands || a["expires_in"] != float64(placeholderLife) || a["scope"] != "a b" || k.kept != tokenAnswer {
			t.Errorf("%d %s, %v; kept %q", status, text, err, k.kept)
		}
	}
	// A placeholder is not refreshed, and goes nowhere.
	before := len(asked)
	for kind, body := range map[string]string{
		"application/json":                  `{"grant_type":"refresh_token","refresh_token":"` + loginStands + `"}`,
		"application/x-www-form-urlencoded": "grant_type=refresh_token&refresh_token=" + loginStands,
	} {
		if status, text := post(t, c, url+"/v1/oauth/token", kind, body); status != 200 || !strings.Contains(text, loginStands) || strings.Contains(text, "secret") {
			t.Errorf("%s: %d %s", kind, status, text)
		}
	}
	if len(asked) != before {
		t.Errorf("a placeholder was sent on: %q", asked[before:])
	}
	// Other spellings of the path are no way round.
	for _, p := range []string{"/v1/oauth/token/", "/v1/oauth/%74oken", "/V1/OAuth/Token", "/v1/oauth/token%2f", "/v1/oauth/token;a", "/v1/oauth/%2574oken", "/v1//oauth/token", "/x/oauth2/access_token", "/v1/oauth/token/introspect", "/api/OAuth/grant", "/v1/%256fauth/%2574oken"} {
		before := len(asked)
		if status, text := post(t, c, url+p, "application/json", `{"grant_type":"authorization_code","code":"c"}`); status < 400 || strings.Contains(text, "secret") || len(asked) != before {
			t.Errorf("%s: %d %s, sent on %q", p, status, text, asked[before:])
		}
	}
	// Pages are.
	if resp, err := c.Get(url + "/docs/token-counting"); err != nil || resp.StatusCode != http.StatusOK {
		t.Error(resp, err)
	}
	// A login that was made inside can be ended from there.
	if status, text := post(t, c, url+"/v1/oauth/token/revoke", "application/json", `{"token":"`+loginStands+`"}`); status != 200 || k.kept != "" || asked[len(asked)-1] != `POST /v1/oauth/token/revoke {"token":"refresh-secret"}` {
		t.Errorf("%d %s, kept %q, sent %q", status, text, k.kept, asked[len(asked)-1])
	}
	before = len(asked)
	if status, _ := post(t, c, url+"/v1/oauth/token/revoke", "application/json", `{"token":"`+loginStands+`"}`); status != 403 || len(asked) != before {
		t.Errorf("ending another login: %d", status)
	}
	for _, e := range *log {
		if strings.Contains(e.Why+e.Path, "secret") {
			t.Errorf("the log has %+v", e)
		}
	}
}

// TestRevokeEchoed: the service repeats what it was asked, also where the jail
// has put the placeholder in another place than that of the token.
func TestRevokeEchoed(t *testing.T) {
	c, url, _ := tokenBroker(t, &keeper{kept: tokenAnswer}, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		w.Header().Set("Request-Id", string(text))
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(text)
	})
	resp, err := c.Post(url+"/v1/oauth/token/revoke", "application/json", strings.NewReader(`{"token":"x","client_id":"`+loginStands+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	for _, text := range []string{string(text), resp.Header.Get("Request-Id")} {
		if err != nil || resp.StatusCode != http.StatusBadRequest || strings.Contains(text, "secret") || !strings.Contains(text, redacted) {
			t.Errorf("%v: %s %s", err, resp.Status, text)
		}
	}
}

// TestTokenAnswers: an answer in which no login can be seen stays outside, and
// so does one that cannot be kept.
func TestTokenAnswers(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"no JSON": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "access-secret") },
		"a list":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "["+tokenAnswer+"]") },
		"another 2xx": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "secret")
		},
		"encoded": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, "secret")
		},
		"encoded, and an error": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, "secret")
		},
		"too large": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("secret", maxTokens))
		},
		"too large, and an error": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, strings.Repeat("secret", maxTokens))
		},
		"breaks off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, tokenAnswer)
		},
	} {
		k := new(keeper)
		c, url, _ := tokenBroker(t, k, answer)
		if status, text := post(t, c, url+"/v1/oauth/token", "application/json", `{"grant_type":"authorization_code"}`); status != http.StatusBadGateway || strings.Contains(text, "secret") || k.kept != "" {
			t.Errorf("%s: %d %s, kept %q", name, status, text, k.kept)
		}
	}
	// Why the service refuses is passed on.
	k := &keeper{full: true}
	status := 400
	c, url, log := tokenBroker(t, k, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/secret")
		w.WriteHeader(status)
		if status == 400 {
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		_, _ = io.WriteString(w, tokenAnswer)
	})
	if got, text := post(t, c, url+"/v1/oauth/token", "application/json", `{}`); got != 400 || text != `{"error":"invalid_grant"}` {
		t.Errorf("%d %s", got, text)
	}
	for _, status = range []int{200, 500} { // with a login in it, whatever the status
		if got, text := post(t, c, url+"/v1/oauth/token", "application/json", `{}`); got != http.StatusBadGateway || strings.Contains(text, "secret") || !strings.Contains(text, "cannot be kept") {
			t.Errorf("%d %s", got, text)
		}
	}
	if last := (*log)[len(*log)-1]; !strings.Contains(last.Why, "no space left") {
		t.Errorf("the log has %+v", last)
	}
}

// TestNoLoginYet: until there is a login, credentials of the jail's own pass;
// then only the placeholder does.
func TestNoLoginYet(t *testing.T) {
	var got string
	service := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization") + r.Header.Get("X-Api-Key")
	}))
	defer service.Close()
	k := new(keeper)
	b, err := New(network.Broker{Name: "api", Upstream: service.URL, Header: "Authorization", From: "login:/x", Keep: "/x", Paths: []string{"/v1/"}}, Options{Source: k})
	if err != nil {
		t.Fatal(err)
	}
	b.transport.TLSClientConfig.RootCAs = service.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	front := httptest.NewServer(http.HandlerFunc(b.handle))
	defer func() { front.Close(); _ = b.Close() }()
	send := func(path, header, value string) int {
		t.Helper()
		got = "nothing"
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(header, value)
		resp, err := front.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if status := send("/any", "X-Api-Key", "the-jails-own"); status != 200 || got != "the-jails-own" {
		t.Errorf("%d, the service got %q", status, got)
	}
	k.kept = tokenAnswer
	if status := send("/v1/x", "Authorization", "Bearer "+b.Placeholder()); status != 200 || got != "Bearer access-secret" {
		t.Errorf("%d, the service got %q", status, got)
	}
	for _, q := range [][3]string{{"/v1/x", "Authorization", "Bearer another"}, {"/any", "Authorization", "Bearer " + b.Placeholder()}} {
		if status := send(q[0], q[1], q[2]); status != 403 || got != "nothing" {
			t.Errorf("%q: %d, the service got %q", q, status, got)
		}
	}
}

// TestRevokeService: a login at a service that the policy names ends beside the path
// where it is made, and nowhere else: the refresh token goes to no other path.
func TestRevokeService(t *testing.T) {
	for path, ends := range map[string]bool{"/o/revoke": true, "/revoke": false, "/o/x/revoke": false, "/o/token/revoke": false, "/o/Revoke": false, "/o/revoke/": false, "/o/%72evoke": false} {
		var asked []string
		k := &keeper{kept: tokenAnswer}
		c, url, _ := tokenBrokerOf(t, &network.Tokens{For: "api", Path: "/o/token"}, k, func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			asked = append(asked, string(text))
			_, _ = w.Write(text)
		})
		const form = "application/x-www-form-urlencoded"
		_, answer := post(t, c, url+path, form, "client_id=c&token="+loginStands)
		sent := strings.Contains(strings.Join(asked, " "), "token=refresh-secret")
		if sent != ends || (k.kept == "") != ends || strings.Contains(answer, "secret") {
			t.Errorf("%s: %q, kept %q, answered %q", path, asked, k.kept, answer)
		}
		// The service says of one that is not there that it is not there (RFC 7009, 2.2).
		if status, _ := post(t, c, url+path, form, "token="+loginStands); ends && (status != 200 || strings.Contains(strings.Join(asked[1:], " "), "secret")) {
			t.Errorf("%s again: %d, %q", path, status, asked)
		}
	}
}
