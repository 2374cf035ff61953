package login

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/internal/credential"
)

// TestStandIn: the jail gets what the agent shows of the host's login, and no
// token; what was made inside stays.
func TestStandIn(t *testing.T) {
	const hold = "placeholder-1"
	f, _ := credential.Named("")
	h := Place{Format: f, Dir: t.TempDir()}
	put := func(dir, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, f.File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	has := func(dir string) string {
		text, _ := os.ReadFile(filepath.Join(dir, f.File)) // or there is none
		return string(text)
	}
	standIn := func(private string, use bool) {
		t.Helper()
		err := takeAway(f, private, hold)
		if use {
			err = h.standIn(private, hold)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := h.Has(); ok || err != nil {
		t.Error(ok, err)
	}
	put(h.Dir, `{"mcpOAuth":{"x":"secret"},"claudeAiOauth":{"accessToken":"secret-a","refreshToken":"secret-r","expiresAt":5,"scopes":["user:inference"],"subscriptionType":"max","rateLimitTier":"t","more":"secret"}}`)
	if ok, err := h.Has(); !ok || err != nil {
		t.Error(ok, err)
	}
	private := t.TempDir()
	want := `{"claudeAiOauth":{"accessToken":"placeholder-1","expiresAt":4102444800000,"rateLimitTier":"t","refreshToken":"","scopes":["user:inference"],"subscriptionType":"max"}}`
	for range 2 {
		standIn(private, true)
		if got := has(private); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	standIn(private, false)
	standIn(private, false)
	if got := has(private); got != "" {
		t.Error(got)
	}
	// What the agent has added stays when the placeholder comes and goes.
	put(private, `{"mcpOAuth":{"a":1}}`)
	standIn(private, true)
	if got := has(private); !strings.Contains(got, hold) || !strings.Contains(got, `"mcpOAuth":{"a":1}`) {
		t.Error(got)
	}
	standIn(private, false)
	if got := has(private); got != `{"mcpOAuth":{"a":1}}` {
		t.Error(got)
	}
	for _, own := range []string{`{"claudeAiOauth":{"accessToken":"inside"}}`, `broken`} {
		put(private, own)
		for _, use := range []bool{true, false} {
			standIn(private, use)
			if got := has(private); got != own {
				t.Errorf("%s became %s", own, got)
			}
		}
	}
	for _, bad := range []string{"secret", `["secret"]`, `{"claudeAiOauth":"secret"}`} {
		put(h.Dir, bad)
		if ok, err := h.Has(); ok || err == nil || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%s: %v, %v", bad, ok, err)
		}
	}
}

// TestForeign: a login that belongs to somebody else is not used, with a reason,
// and stops no start.
func TestForeign(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	f, _ := credential.Named(credential.Claude)
	p := Place{Format: f, Dir: t.TempDir()}
	name := filepath.Join(p.Dir, f.File)
	if err := os.WriteFile(name, []byte(`{"claudeAiOauth":{"accessToken":"secret","refreshToken":"secret","expiresAt":4102444800000}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if has, err := p.Has(); !has || err != nil {
		t.Fatalf("%v, %v", has, err)
	}
	if err := os.Chown(name, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if has, err := p.Has(); has || err == nil || !strings.Contains(err.Error(), "uid 12345") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v, %v", has, err)
	}
}
