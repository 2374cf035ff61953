package agent

import (
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/lab"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestFilteredTurn: without a broker the real agent does a turn over its own
// TLS with api.anthropic.com, by that name, where nothing but that name is
// allowed and no variable names a proxy. With another name allowed it says so,
// and nothing leaves.
func TestFilteredTurn(t *testing.T) {
	t.Parallel()
	w, l, key, log := world.Brokered(t, []map[string]any{{"text": "hello from the script"}})
	w.Env["NODE_EXTRA_CA_CERTS"] = l.CA
	turn := func(allow string) world.Result {
		return world.Finish(t, w.Command("run", "--no-check", "--net", "filtered", "--allow", allow, "--env", "ANTHROPIC_API_KEY", "--env", "CLAUDE_CODE_MAX_RETRIES=1",
			"--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE"), "--", "-p", "say hello"))
	}
	if out := w.Must("env", "--net", "filtered", "--allow", "api.anthropic.com"); strings.Contains(strings.ToLower(out), "_proxy=") {
		t.Errorf("the environment names a proxy: %s", out)
	}
	l.Caught()
	r := turn("api.anthropic.com")
	requests := w.APIRequests(log)
	if r.Status != 0 || !strings.Contains(r.Out, "hello from the script") || len(requests) == 0 {
		t.Fatalf("%s\nlog: %s", r, w.SessionLog())
	}
	for _, q := range requests {
		if q.Host != "api.anthropic.com" || !slices.Equal(q.Headers["X-Api-Key"], []string{key}) {
			t.Errorf("%s %s came with %q", q.Host, q.URL, q.Headers)
		}
	}
	got := l.Caught()
	if len(got.Hits) == 0 || slices.ContainsFunc(got.Hits, func(s string) bool { return s != "tcp "+lab.PublicA+":443" }) ||
		slices.ContainsFunc(got.Queries, func(s string) bool { return !strings.HasPrefix(s, "api.anthropic.com. ") }) {
		t.Errorf("seen outside: %+v", got)
	}
	r = turn("other.example")
	if got := l.Caught(); r.Status == 0 || len(got.Hits)+len(got.Queries) != 0 || !strings.Contains(r.Err, "api.anthropic.com") {
		t.Errorf("with another name allowed: %s\nseen outside: %+v", r, got)
	}
}
