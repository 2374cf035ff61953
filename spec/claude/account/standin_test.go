package account

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
)

// TestStandIn: the jail gets what the agent shows of the host's login, and no
// token; what was made inside stays.
func TestStandIn(t *testing.T) {
	const hold = "placeholder-1"
	h := folder.Host{Dir: t.TempDir(), JSON: filepath.Join(t.TempDir(), ".claude.json")}
	put := func(dir, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, folder.LoginJSON), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	has := func(dir string) string {
		text, _ := os.ReadFile(filepath.Join(dir, folder.LoginJSON)) // or there is none
		return string(text)
	}
	standIn := func(private string, use bool) {
		t.Helper()
		if err := StandIn(h, private, hold, use); err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := Has(h); ok || err != nil {
		t.Error(ok, err)
	}
	put(h.Dir, `{"mcpOAuth":{"x":"secret"},"claudeAiOauth":{"accessToken":"secret-a","refreshToken":"secret-r","expiresAt":5,"scopes":["user:inference"],"subscriptionType":"max","rateLimitTier":"t","more":"secret"}}`)
	if ok, err := Has(h); !ok || err != nil {
		t.Error(ok, err)
	}
	private := t.TempDir()
	want := `{"claudeAiOauth":{"accessToken":"placeholder-1","refreshToken":"","expiresAt":4102444800000,"scopes":["user:inference"],"subscriptionType":"max","rateLimitTier":"t"}}`
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
		if ok, err := Has(h); ok || err == nil || strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%s: %v, %v", bad, ok, err)
		}
	}
}
