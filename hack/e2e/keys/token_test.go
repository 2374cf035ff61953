package keys

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/spec/agent"
)

// TestTokenTurn: the real agent does turns with the token of a subscription,
// which is nowhere in the jail: it speaks to the API by its own name.
func TestTokenTurn(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"none", "internet"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w, _, _, log := world.Brokered(t, looking(t, agent.Claude().Keys[1].For("").Placeholder()))
			delete(w.Env, "ANTHROPIC_API_KEY")
			token := "sk-ant-oat01-" + rand.Text() + rand.Text()
			w.Env["CLAUDE_CODE_OAUTH_TOKEN"] = token
			w.Write("masked", masked(token))
			h := look(t, w, mode)
			if with := carried(t, w.APIRequests(log), token); with < 2 {
				t.Errorf("%d requests had the token", with)
			}
			if found := strings.Join(h.Placeholder, "\n"); len(h.Key) > 0 || !strings.Contains(found, "environ of") || !strings.Contains(found, "memory of") {
				t.Errorf("the token is in %q, the placeholder in %q", h.Key, h.Placeholder)
			}
			if got := w.SessionLog(); !strings.Contains(got, "/v1/messages") || strings.Contains(got, token) {
				t.Errorf("the session's log: %s", got)
			}
			for _, dir := range []string{w.Home, w.Project} {
				free(w, dir, token)
			}
		})
	}
}
