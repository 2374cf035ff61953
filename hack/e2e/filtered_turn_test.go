package e2e

import (
	"slices"
	"strings"
	"testing"
)

// TestFilteredTurn: without a broker the real agent does a turn over its own
// TLS with api.anthropic.com, by that name, where nothing but that name is
// allowed and no variable names a proxy. With another name allowed it says so,
// and nothing leaves.
func TestFilteredTurn(t *testing.T) {
	t.Parallel()
	w, l, key, log := brokered(t, []map[string]any{{"text": "hello from the script"}})
	w.env["NODE_EXTRA_CA_CERTS"] = l.ca
	turn := func(allow string) result {
		return finish(t, w.command("run", "--net", "filtered", "--allow", allow, "--env", "ANTHROPIC_API_KEY", "--env", "CLAUDE_CODE_MAX_RETRIES=1",
			"--closure", requireVariable(t, "DEVENV_CLOSURE"), "--package", requireVariable(t, "CLAUDE"), "--", "-p", "say hello"))
	}
	if out := w.must("env", "--net", "filtered", "--allow", "api.anthropic.com"); strings.Contains(strings.ToLower(out), "_proxy=") {
		t.Errorf("the environment names a proxy: %s", out)
	}
	l.caught()
	r := turn("api.anthropic.com")
	requests := w.apiRequests(log)
	if r.status != 0 || !strings.Contains(r.out, "hello from the script") || len(requests) == 0 {
		t.Fatalf("%s\nlog: %s", r, w.sessionLog())
	}
	for _, q := range requests {
		if q.Host != "api.anthropic.com" || !slices.Equal(q.Headers["X-Api-Key"], []string{key}) {
			t.Errorf("%s %s came with %q", q.Host, q.URL, q.Headers)
		}
	}
	got := l.caught()
	if len(got.Hits) == 0 || slices.ContainsFunc(got.Hits, func(s string) bool { return s != "tcp "+publicA+":443" }) ||
		slices.ContainsFunc(got.Queries, func(s string) bool { return !strings.HasPrefix(s, "api.anthropic.com. ") }) {
		t.Errorf("seen outside: %+v", got)
	}
	r = turn("other.example")
	if got := l.caught(); r.status == 0 || len(got.Hits)+len(got.Queries) != 0 || !strings.Contains(r.err, "api.anthropic.com") {
		t.Errorf("with another name allowed: %s\nseen outside: %+v", r, got)
	}
}
