package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/internal/credential"
)

// service is a token endpoint that ends a login as soon as a refresh token
// comes a second time.
type service struct {
	*httptest.Server
	mu        sync.Mutex
	n         int // the number of the current tokens
	refreshes int
	ended     bool
	asked     []map[string]string
	// answer is another answer, if there is one.
	answer func(w http.ResponseWriter)
}

// format is that of Claude Code.
var format, _ = credential.Named("")

func access(n int) string  { return fmt.Sprintf("sk-ant-oat01-access-%d", n) }
func renewal(n int) string { return fmt.Sprintf("sk-ant-ort01-refresh-%d", n) }

func newService(t *testing.T) *service {
	t.Helper()
	s := new(service)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		text, _ := io.ReadAll(r.Body)
		var q map[string]string
		if err := json.Unmarshal(text, &q); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: %v", r.Method, text, err)
		}
		s.asked = append(s.asked, q)
		if s.answer != nil {
			s.answer(w)
			return
		}
		if q["refresh_token"] != renewal(s.n) || s.ended {
			s.ended = true
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		s.n++
		s.refreshes++
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": access(s.n), "refresh_token": renewal(s.n), "expires_in": 28800, "scope": "user:inference user:profile"})
	}))
	t.Cleanup(s.Close)
	return s
}

// home is a configuration folder with a login of the number 0 that is good for
// some time.
func home(t *testing.T, left time.Duration) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), ".claude")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"mcpOAuth":{"x|1":{"accessToken":"mcp"}},"claudeAiOauth":{"accessToken":%q,"refreshToken":%q,"expiresAt":%d,"scopes":["user:inference"],"subscriptionType":"max","rateLimitTier":"t","new":{"a":1}}}`,
		access(0), renewal(0), time.Now().Add(left).UnixMilli())
	if err := os.WriteFile(filepath.Join(dir, format.File), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func (s *service) of(dir string) *Login { return &Login{Format: format, Dir: dir, Endpoint: s.URL} }

func content(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, format.File))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// alone: nothing but the file is left.
func alone(t *testing.T, dir string) {
	t.Helper()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if entries, err := os.ReadDir(d); err != nil || len(entries) != 1 {
			t.Errorf("%s has %v (%v)", d, entries, err)
		}
	}
}

func TestKey(t *testing.T) {
	s := newService(t)
	dir := home(t, time.Hour)
	before := content(t, dir)
	c := s.of(dir)
	if key, err := c.Key(t.Context()); key != access(0) || err != nil || s.refreshes != 0 || content(t, dir) != before {
		t.Errorf("%q, %v, %d refreshes", key, err, s.refreshes)
	}
	// A token that the service does not take is refreshed, once.
	c.Rejected(access(0))
	for range 2 {
		if key, err := c.Key(t.Context()); key != access(1) || err != nil || s.refreshes != 1 {
			t.Errorf("%q, %v, %d refreshes", key, err, s.refreshes)
		}
		c.Rejected(access(1)) // so soon
	}
}

// TestRefresh: what is sent is what the program sends, and what is written is
// what it reads; all else stays.
func TestRefresh(t *testing.T) {
	s := newService(t)
	dir := home(t, time.Minute)
	if key, err := s.of(dir).Key(t.Context()); key != access(1) || err != nil {
		t.Fatalf("%q, %v", key, err)
	}
	q := s.asked[0]
	if len(q) != 4 || q["grant_type"] != "refresh_token" || q["client_id"] == "" || q["scope"] == "" {
		t.Errorf("%v", q)
	}
	c, err := Read(format, dir)
	if err != nil || c.Access != access(1) || c.Refresh != renewal(1) || c.Left(time.Now()) < 7*time.Hour || len(c.Scopes) != 2 || c.Plan != "max" {
		t.Errorf("%+v, %v", c, err)
	}
	if text := content(t, dir); !strings.Contains(text, `"mcpOAuth":{"x|1":{"accessToken":"mcp"}}`) || !strings.Contains(text, `"new":{"a":1}`) {
		t.Error(text)
	}
	if st, err := os.Stat(filepath.Join(dir, format.File)); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
	alone(t, dir)
}

// TestManyJails: ten jails and 50 expiries, and nobody is logged out.
func TestManyJails(t *testing.T) {
	s := newService(t)
	dir := home(t, time.Hour)
	var jails []*Login
	for range 10 {
		jails = append(jails, s.of(dir))
	}
	for i := range 50 {
		_, c, err := read(format, filepath.Join(dir, format.File))
		if err != nil {
			t.Fatal(err)
		}
		c.Expires = time.UnixMilli(1)
		if err := write(format, filepath.Join(dir, format.File), c, time.Now()); err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		for _, j := range jails {
			running.Go(func() {
				if key, err := j.Key(context.Background()); key != access(i+1) || err != nil {
					t.Errorf("%d: %q, %v", i, key, err)
				}
			})
		}
		running.Wait()
		if s.refreshes != i+1 || s.ended {
			t.Fatalf("%d expiries, %d refreshes, ended: %v", i+1, s.refreshes, s.ended)
		}
	}
	// One that read the file before another refreshed, and comes to the locks
	// after that, asks for nothing.
	old := credential.Login{Access: access(0), Refresh: renewal(0), Expires: time.UnixMilli(1)}
	if have, err := jails[0].refresh(t.Context(), old); err != nil || have.Access != access(50) || s.refreshes != 50 || s.ended {
		t.Errorf("%q, %v, %d refreshes", have.Access, err, s.refreshes)
	}
	alone(t, dir)
}

// TestLocks: a lock that is held is waited for; one that was left is not.
func TestLocks(t *testing.T) {
	s := newService(t)
	dir := home(t, -time.Hour)
	for _, name := range []string{filepath.Join(dir, ".oauth_refresh.lock"), dir + ".lock", filepath.Join(dir, ".storage-write.lock")} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if release, err := lock(ctx, format, dir, func() bool { return false }); err == nil {
			release()
			t.Errorf("%s is held, and was taken", name)
		}
		cancel()
		old := time.Now().Add(-2 * lockStale)
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if key, err := s.of(dir).Key(t.Context()); key != access(1) || err != nil {
		t.Errorf("%q, %v", key, err)
	}
	alone(t, dir)
}

// TestFailures: an answer that is none leaves the file as it was, and no error
// has a token in it.
func TestFailures(t *testing.T) {
	status := func(code int, text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code); _, _ = io.WriteString(w, text) }
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		ended  bool
	}{
		"400":            {status(400, `{"error":"invalid_grant"}`), true},
		"401":            {status(401, ""), true},
		"500":            {status(500, renewal(0)), false},
		"no JSON":        {status(200, renewal(0)), false},
		"no token":       {status(200, `{"expires_in":1}`), false},
		"no expiry":      {status(200, `{"access_token":"`+access(9)+`"}`), false},
		"nothing at all": {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, false},
		"a redirect": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			s.answer = c.answer
			dir := home(t, -time.Hour)
			before := content(t, dir)
			j := s.of(dir)
			for range 3 {
				key, err := j.Key(t.Context())
				if key != "" || err == nil || errors.Is(err, errEnded) != c.ended || strings.Contains(err.Error(), "sk-ant") {
					t.Errorf("%q, %v", key, err)
				}
			}
			s.mu.Lock()
			asked := len(s.asked)
			s.mu.Unlock()
			if asked != 1 || content(t, dir) != before {
				t.Errorf("asked %d times, %s", asked, content(t, dir))
			}
			alone(t, dir)
			// A token that is still good is used.
			dir = home(t, time.Minute)
			if key, err := s.of(dir).Key(t.Context()); key != access(0) || err != nil {
				t.Errorf("still good: %q, %v", key, err)
			}
		})
	}
}

// TestFullDisk: what cannot be written is kept and used, and written as soon as
// that works; a login that the user made meanwhile stays.
func TestFullDisk(t *testing.T) {
	for _, relogin := range []bool{false, true} {
		s := newService(t)
		dir := home(t, -time.Hour)
		before := content(t, dir)
		full := true
		c := s.of(dir)
		c.write = func(name string, l credential.Login) error {
			if full {
				return errors.New("no space left on device")
			}
			return write(format, name, l, time.Now())
		}
		for range 3 {
			if key, err := c.Key(t.Context()); key != access(1) || err != nil || content(t, dir) != before {
				t.Errorf("%q, %v", key, err)
			}
		}
		if relogin {
			if err := os.WriteFile(filepath.Join(dir, format.File), []byte(strings.ReplaceAll(content(t, home(t, time.Hour)), access(0), access(70))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		full = false
		key, err := c.Key(t.Context())
		want := map[bool]string{false: access(1), true: access(70)}[relogin]
		if have, _ := Read(format, dir); key != want || err != nil || have.Access != want || s.refreshes != 1 {
			t.Errorf("%q, %v; the file has %q, %d refreshes", key, err, have.Access, s.refreshes)
		}
		alone(t, dir)
	}
}

// TestBadFiles: what is no file with a login of the caller's is refused, and
// nothing of it is shown.
func TestBadFiles(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": `secret`, "a list": `["secret"]`, "no login": `{"mcpOAuth":"secret"}`, "another type": `{"claudeAiOauth":"secret"}`,
		"no token": `{"claudeAiOauth":{"refreshToken":"secret"}}`, "too long": `{"a":"` + strings.Repeat("secret", maxFile/6) + `"}`, "empty": "",
	} {
		dir := home(t, time.Hour)
		if err := os.WriteFile(filepath.Join(dir, format.File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(format, dir); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if os.Getuid() == 0 {
		dir := home(t, time.Hour)
		if err := os.Chown(filepath.Join(dir, format.File), 12345, -1); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(format, dir); err == nil || !strings.Contains(err.Error(), "uid 12345") {
			t.Errorf("another's: %v", err)
		}
	}
}
