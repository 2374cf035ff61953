package credential

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"
)

// jwt is a token that says when it ends.
func jwt(exp int64) string {
	return "e30." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d,"secret":"secret"}`, exp)) + ".secret"
}

// files are what the programs write, each with secrets that begin with
// "secret", and something that nobody here knows.
var files = map[string]string{
	"claude": `{"mcpOAuth":{"a":1},"claudeAiOauth":{"accessToken":"secret-a","refreshToken":"secret-r","expiresAt":1000,"scopes":["x"],"subscriptionType":"max","more":"secret"}}`,
	"codex": `{"auth_mode":"chatgpt","OPENAI_API_KEY":null,"tokens":{"id_token":"secret-i","access_token":"secret-a","refresh_token":"secret-r","account_id":"acc"},` +
		`"last_refresh":"2026-01-01T00:00:00Z","more":1}`,
	"gemini":                  `{"access_token":"secret-a","refresh_token":"secret-r","id_token":"secret-i","expiry_date":1000,"scope":"x","token_type":"Bearer","more":1}`,
	"copilot":                 "// written by copilot\n// do not edit\n" + `{"copilotTokens":{"https://github.com:ada":"secret-a"},"trustedFolders":["/x"]}`,
	"opencode-openai":         `{"openai":{"type":"oauth","access":"secret-a","refresh":"secret-r","expires":1000,"accountId":"acc"},"other":{"type":"api","key":"secret-k"}}`,
	"oauth":                   `{"access_token":"secret-a","refresh_token":"secret-r","expires_at":0,"again":{"client_id":"c"},"more":1}`,
	"opencode-github-copilot": `{"github-copilot":{"type":"oauth","access":"secret-a","refresh":"secret-a","expires":0},"other":{"type":"api","key":"secret-k"}}`,
}

// TestFormats: what a program writes is read, written back and stood in for; no
// token of it gets into a jail.
func TestFormats(t *testing.T) {
	if len(files) != len(formats) {
		t.Fatalf("%d formats, and examples of %d", len(formats), len(files))
	}
	for _, f := range formats {
		text := []byte(files[f.Name])
		l, err := f.Parse(text)
		if err != nil || l.Access != "secret-a" || f.Endpoint != "" && l.Refresh != "secret-r" || f.Endpoint != "" && l.Left(time.Now()) > 0 || f.Endpoint == "" && l.Left(time.Now()) < time.Hour {
			t.Errorf("%s: %+v, %v", f.Name, l, err)
		}
		inside, err := f.StandIn(nil, text, "stands")
		if err != nil || strings.Contains(string(inside), "secret") || !strings.Contains(string(inside), "stands") {
			t.Errorf("%s: inside is %s, %v", f.Name, inside, err)
		}
		again, err := f.StandIn(inside, text, "stands")
		if err != nil || string(again) != string(inside) || f.Own(inside, "stands") || !f.Own(text, "stands") || !f.Holds(inside, "stands") || f.Holds(text, "stands") {
			t.Errorf("%s: again it is %s, %v", f.Name, again, err)
		}
		if rest, err := f.Remove(inside); err != nil || strings.Contains(string(rest), "stands") {
			t.Errorf("%s: %s is left, %v", f.Name, rest, err)
		}
		// What the program wrote inside a jail stays beside the placeholder.
		if own, err := f.StandIn([]byte(`{"theirs":{"a":1}}`), text, "stands"); err != nil || !strings.Contains(string(own), `"theirs":{"a":1}`) && f.Name != Gemini {
			t.Errorf("%s: beside what was there it is %s, %v", f.Name, own, err)
		}
		if f.Endpoint == "" {
			continue
		}
		now := time.Unix(2_000_000_000, 0)
		answer := `{"access_token":"` + jwt(now.Unix()+7200) + `","refresh_token":"fresh-r","expires_in":7200}`
		fresh, err := f.Answered(l, []byte(answer), now)
		if err != nil || fresh.Refresh != "fresh-r" || fresh.Left(now) != 2*time.Hour {
			t.Errorf("%s: %+v, %v", f.Name, fresh, err)
		}
		out, err := f.Update(text, fresh, now)
		if err != nil {
			t.Fatal(err)
		}
		back, err := f.Parse(out)
		if err != nil || back.Access != fresh.Access || back.Refresh != "fresh-r" || back.Left(now) != 2*time.Hour || back.ID != l.ID || strings.Contains(string(out), "secret-r") {
			t.Errorf("%s: %s is read as %+v, %v", f.Name, out, back, err)
		}
		for _, keeps := range []string{`"more"`, `"other"`} {
			if strings.Contains(string(text), keeps) != strings.Contains(string(out), keeps) {
				t.Errorf("%s: %s is gone from %s", f.Name, keeps, out)
			}
		}
		kind, body, err := f.Request(l)
		if err != nil || !strings.Contains(string(body), "secret-r") || !strings.Contains(string(body), "client_id") || json.Valid(body) != (kind == "application/json") {
			t.Errorf("%s: %s %s, %v", f.Name, kind, body, err)
		}
	}
}

// TestBroken: what is no login is refused, and no error shows what it is.
func TestBroken(t *testing.T) {
	for _, f := range formats {
		for _, text := range []string{"secret", `["secret"]`, `{"a":"secret"`, "null", `"secret"`, files[f.Name][:len(files[f.Name])/2], "//\n//secret", `{"claudeAiOauth":"secret","tokens":"secret","copilotTokens":"secret","openai":"secret","github-copilot":"secret"}`} {
			l, err := f.Parse([]byte(text))
			if err == nil || l.Access != "" || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %q is %+v, %v", f.Name, text, l, err)
			}
		}
		for _, text := range []string{"", "{}", `{"more":1}`} {
			if _, err := f.Parse([]byte(text)); !errors.Is(err, fs.ErrNotExist) || f.Own([]byte(text), "stands") {
				t.Errorf("%s: %q: %v", f.Name, text, err)
			}
		}
		for _, text := range []string{"", "secret", `{"expires_in":1}`, `{"access_token":1,"expires_in":1}`, `{"access_token":""}`} {
			if _, err := f.Answered(Login{}, []byte(text), time.Now()); err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: the answer %q: %v", f.Name, text, err)
			}
		}
	}
	for _, token := range []string{"", "a.b", "a.b.c", "a.!.c", "a." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":"x"}`)) + ".c", jwt(0)} {
		if at := jwtExpiry(token); !at.IsZero() {
			t.Errorf("%q ends at %v", token, at)
		}
	}
}

// TestOAuth: a login is refreshed as who made it would, and one whose end nobody
// knows is used until the service refuses it.
func TestOAuth(t *testing.T) {
	f, _ := Named(OAuth)
	now := time.Unix(2_000_000_000, 0)
	for answer, left := range map[string]time.Duration{`{"access_token":"a","refresh_token":"r","expires_in":60}`: time.Minute, `{"access_token":"a","refresh_token":"r"}`: 100 * 365 * 24 * time.Hour} {
		l, err := f.Answered(Login{}, []byte(answer), now)
		if err != nil {
			t.Fatal(err)
		}
		l = f.Asked(l, []byte("grant_type=authorization_code&code=secret&code_verifier=secret&client_id=c&client_secret=s&resource=https%3A%2F%2Fx%2Fmcp"))
		text, err := f.Update(nil, l, now)
		if err != nil || strings.Contains(string(text), `"secret"`) {
			t.Fatalf("%s, %v", text, err)
		}
		if l, err = f.Parse(text); err != nil || l.Left(now) != left {
			t.Errorf("%+v, %v", l, err)
		}
		if _, body, err := f.Request(l); err != nil || string(body) != "client_id=c&client_secret=s&grant_type=refresh_token&refresh_token=r&resource=https%3A%2F%2Fx%2Fmcp" {
			t.Errorf("%s, %v", body, err)
		}
	}
	if l := f.Asked(Login{}, []byte(`{"client_id":"c","resource":1,"code":"secret"}`)); len(l.Again) != 1 || l.Again["client_id"] != "c" {
		t.Errorf("%+v", l)
	}
	claude, _ := Named(Claude)
	if l := claude.Asked(Login{}, []byte("client_id=c")); l.Again != nil {
		t.Errorf("%+v", l)
	}
}
