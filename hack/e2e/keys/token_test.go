package keys

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"slices"
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
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			placeholder := agent.Claude().Keys[1].For("").Placeholder()
			hunter := world.PartEnv + "=keyhunt " + self + " $(cat masked) " + masked(placeholder)
			w, _, _, log := world.Brokered(t, []map[string]any{
				{"tools": []any{map[string]any{"name": "Bash", "input": map[string]any{"description": "Look", "command": hunter}}}}, {"text": "{{tool_result}}"},
			})
			delete(w.Env, "ANTHROPIC_API_KEY")
			token := "sk-ant-oat01-" + rand.Text() + rand.Text()
			w.Env["CLAUDE_CODE_OAUTH_TOKEN"] = token
			w.Write("masked", masked(token))
			c := w.Command("run", "--net", mode, "--closure", world.RequireVariable(t, "DEVENV_CLOSURE"), "--package", world.RequireVariable(t, "CLAUDE"), "--read", self,
				"--", "-p", "look around", "--output-format", "json", "--dangerously-skip-permissions")
			r := world.Finish(t, c)
			var answer struct {
				Result  string `json:"result"`
				IsError bool   `json:"is_error"`
			}
			world.Decode(t, r, &answer)
			requests := w.APIRequests(log)
			if r.Status != 0 || answer.IsError || len(requests) < 2 {
				t.Fatalf("%s\nrequests: %d\nlog: %s", r, len(requests), w.SessionLog())
			}
			with := 0
			for _, q := range requests {
				switch got := q.Headers["Authorization"]; {
				case slices.Equal(got, []string{"Bearer " + token}):
					with++
				case len(got) > 0:
					t.Errorf("%s %s came with %q", q.Host, q.URL, got)
				}
			}
			if with < 2 {
				t.Errorf("%d requests had the token", with)
			}
			var h hunt
			if err := json.Unmarshal([]byte(answer.Result), &h); err != nil {
				t.Fatalf("%v: %s", err, answer.Result)
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
