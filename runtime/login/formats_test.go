package login

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/credential"
)

// others are the files of logins of other agents that are refreshed, as their
// programs write them; %s is the number of the tokens.
var others = map[string]string{
	"codex":           `{"tokens":{"id_token":"e30.e30.e30","access_token":"access-%[1]d","refresh_token":"refresh-%[1]d","account_id":"acc"},"last_refresh":"2020-01-01T00:00:00Z"}`,
	"gemini":          `{"access_token":"access-%[1]d","refresh_token":"refresh-%[1]d","expiry_date":1000}`,
	"opencode-openai": `{"openai":{"type":"oauth","access":"access-%[1]d","refresh":"refresh-%[1]d","expires":1000}}`,
}

// TestOthers: the logins of other agents are refreshed once for ten jails, ten
// times, and nobody is logged out; what cannot be refreshed stays as it is.
func TestOthers(t *testing.T) {
	for name, text := range others {
		t.Run(name, func(t *testing.T) {
			f, _ := credential.Named(name)
			var mu sync.Mutex
			n, ended := 0, false
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				body, _ := io.ReadAll(r.Body)
				var q map[string]string
				if json.Unmarshal(body, &q) != nil {
					form, _ := url.ParseQuery(string(body))
					q = map[string]string{"refresh_token": form.Get("refresh_token"), "grant_type": form.Get("grant_type"), "client_id": form.Get("client_id")}
				}
				if q["refresh_token"] != fmt.Sprintf("refresh-%d", n) || q["grant_type"] != "refresh_token" || q["client_id"] == "" || ended {
					ended = true
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				n++
				_, _ = fmt.Fprintf(w, `{"access_token":"access-%[1]d","refresh_token":"refresh-%[1]d","id_token":"e30.e30.e30","expires_in":3600}`, n)
			}))
			defer s.Close()
			dir := t.TempDir()
			file := filepath.Join(dir, f.File)
			var jails []*Login
			for range 10 {
				jails = append(jails, &Login{Format: f, Dir: dir, Endpoint: s.URL})
			}
			for i := range 10 {
				if err := os.WriteFile(file, fmt.Appendf(nil, text, i), 0o600); err != nil {
					t.Fatal(err)
				}
				var running sync.WaitGroup
				for _, j := range jails {
					running.Go(func() {
						if key, err := j.Key(context.Background()); key != fmt.Sprintf("access-%d", i+1) || err != nil {
							t.Errorf("%d: %q, %v", i, key, err)
						}
					})
				}
				running.Wait()
				if n != i+1 || ended {
					t.Fatalf("%d expiries, %d refreshes, ended: %v", i+1, n, ended)
				}
			}
			if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
				t.Error(st.Mode(), err)
			}
			ended = true
			if err := os.WriteFile(file, fmt.Appendf(nil, text, 99), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := jails[0].Key(t.Context()); err == nil || strings.Contains(err.Error(), "refresh-") {
				t.Error(err)
			}
			if now, err := os.ReadFile(file); err != nil || string(now) != fmt.Sprintf(text, 99) {
				t.Errorf("%s, %v", now, err)
			}
		})
	}
}

// TestCopilot: a token that does not run out is used as it is, whatever the
// service says of it.
func TestCopilot(t *testing.T) {
	f, _ := credential.Named(credential.Copilot)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, f.File), []byte("// x\n"+`{"copilotTokens":{"https://github.com:ada":"access-0"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &Login{Format: f, Dir: dir, Endpoint: "http://127.0.0.1:1/"}
	for range 2 {
		if key, err := l.Key(t.Context()); key != "access-0" || err != nil {
			t.Errorf("%q, %v", key, err)
		}
		l.Rejected("access-0")
	}
}

// TestSilence: an endpoint that says nothing is given up, and a token that is
// still good is used.
func TestSilence(t *testing.T) {
	end := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
	defer func() { close(end); s.Close() }()
	for _, left := range []time.Duration{-time.Hour, time.Minute} {
		dir := home(t, left)
		before := content(t, dir)
		l := &Login{Format: format, Dir: dir, Endpoint: s.URL, patience: 200 * time.Millisecond}
		key, err := l.Key(t.Context())
		if good := left > 0; good != (err == nil) || good != (key == access(0)) || content(t, dir) != before {
			t.Errorf("%v left: %q, %v", left, key, err)
		}
		alone(t, dir)
	}
}

// TestWrongClock: a clock that is years off costs a refresh, and nobody's login.
func TestWrongClock(t *testing.T) {
	for name, off := range map[string]time.Duration{"behind": -20 * 365 * 24 * time.Hour, "ahead": 20 * 365 * 24 * time.Hour} {
		s := newService(t)
		dir := home(t, -time.Minute) // it has run out
		wrong := s.of(dir)
		wrong.Now = func() time.Time { return time.Now().Add(off) }
		key, err := wrong.Key(t.Context())
		if err == nil && key == access(0) { // the service says that it has
			wrong.Rejected(key)
			key, err = wrong.Key(t.Context())
		}
		if key != access(1) || err != nil || s.ended {
			t.Errorf("%s: %q, %v", name, key, err)
		}
		// The clock is right again. What was written may be far in the future.
		right := s.of(dir)
		key, err = right.Key(t.Context())
		if err == nil && key == access(1) {
			right.Rejected(key)
			key, err = right.Key(t.Context())
		}
		if key != access(2) || err != nil || s.ended {
			t.Errorf("%s, and right again: %q, %v, ended: %v", name, key, err, s.ended)
		}
	}
}

// TestKept: a login that is made inside is used in the place of another, is in a
// file of its own, and a disk that is full leaves the old one whole.
func TestKept(t *testing.T) {
	s := newService(t)
	before := home(t, time.Hour)
	own := filepath.Join(t.TempDir(), "projects", "login", "claude")
	k := &Kept{Own: &Login{Format: format, Dir: own, Endpoint: s.URL}, Before: s.of(before)}
	if key, err := k.Key(t.Context()); key != access(0) || err != nil || k.Refresh() != "" {
		t.Errorf("%q, %v, %q", key, err, k.Refresh())
	}
	if key, err := (&Kept{Own: k.Own}).Key(t.Context()); key != "" || err != nil {
		t.Errorf("without any: %q, %v", key, err)
	}
	if err := k.Keep(t.Context(), nil, []byte(`{"access_token":"inside-a","refresh_token":"inside-r","expires_in":3600,"scope":"x"}`)); err != nil {
		t.Fatal(err)
	}
	if key, err := k.Key(t.Context()); key != "inside-a" || err != nil || k.Refresh() != "inside-r" {
		t.Errorf("%q, %v, %q", key, err, k.Refresh())
	}
	st, err := os.Stat(filepath.Join(own, format.File))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
	if st, err := os.Stat(own); err != nil || st.Mode().Perm() != 0o700 {
		t.Error(st.Mode(), err)
	}
	for _, bad := range []string{"", "secret", `{"refresh_token":"secret"}`} {
		if err := k.Keep(t.Context(), nil, []byte(bad)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if os.Getuid() != 0 { // whom no mode stops
		was := content(t, own)
		if err := os.Chmod(own, 0o500); err != nil {
			t.Fatal(err)
		}
		if err := k.Keep(t.Context(), nil, []byte(`{"access_token":"other","expires_in":3600}`)); err == nil || content(t, own) != was {
			t.Errorf("%v, %s", err, content(t, own))
		}
		if err := os.Chmod(own, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if key, err := k.Key(t.Context()); key != access(0) || err != nil {
		t.Errorf("after that: %q, %v", key, err)
	}
	if entries, err := os.ReadDir(own); err != nil || len(entries) > 0 {
		t.Errorf("left are %v, %v", entries, err)
	}
}
