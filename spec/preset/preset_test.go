package preset

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
)

func TestPresets(t *testing.T) {
	got, err := Expand([]string{"a.com", "@claude", "a.com", "api.anthropic.com"})
	if want := []string{"a.com", "api.anthropic.com", "platform.claude.com"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	for _, p := range Names() {
		if err := Check(p); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	for _, s := range []string{"@", "@nope", "a@claude"} {
		if Check(s) == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

// TestOfAgents: each agent that a jail can run has a preset, with the names of its row,
// and one that is misspelt is told which was meant.
func TestOfAgents(t *testing.T) {
	for _, name := range append(agent.Names(), "openai") {
		want := agent.Named(name).Hosts
		if name == "openai" {
			want = agent.Named("codex").Hosts
		}
		if got, err := Expand([]string{"@" + name}); err != nil || len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("@%s: %q, %v, not %q", name, got, err, want)
		}
	}
	for typed, meant := range map[string]string{"@gemeni": "@gemini", "@codx": "@codex", "@Codex": "@codex", "@openAI": "@openai", "@claud": "@claude", "@qwn": "@qwen"} {
		if err := Check(typed); err == nil || !strings.Contains(err.Error(), "perhaps "+meant+"; there are @amp ") {
			t.Errorf("%s: %v", typed, err)
		}
	}
	if err := Check("@cursor"); err == nil || strings.Contains(err.Error(), "perhaps") {
		t.Errorf("@cursor: %v", err)
	}
}

// TestDocs: docs/policy.md has each preset, with its rules.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		if row := "| `" + name + "` | `" + strings.Join(rules(name), "`, `") + "` |\n"; !strings.Contains(string(text), row) {
			t.Errorf("it has no row %s", row)
		}
	}
}
