package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestBring: pieces of the user's own configuration work inside, are read-only,
// carry no variables, and go when the policy no longer names them.
func TestBring(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Seed()
	w.Write(w.Home+"/.claude/commands/review.md", "---\ndescription: reviews\n---\nmarked-command $ARGUMENTS\n")
	w.Write(w.Home+"/.claude/commands/other.md", "marked-other\n")
	w.Write(w.Home+"/.claude/skills/pdf/SKILL.md", "---\nname: pdf\ndescription: marked-skill\n---\nfill it\n")
	w.Write(w.Home+"/.claude/settings.json", `{"env":{"X":"`+world.Planted+`"},"hooks":{"SessionStart":[{"hooks":[{"type":"command","command":"touch $CLAUDE_PROJECT_DIR/hooked"}]}]}}`)
	w.Write(w.Home+"/.claude.json", `{"mcpServers":{"m":{"command":"bash","args":["-c","touch `+w.Project+`/mcp"],"env":{"TOKEN":"`+world.Planted+`"}}}}`)
	policy := w.Home + "/.config/jailed-claude/config.toml"
	w.Write(policy, "version = 1\n[agent]\nbring = [\"skills\", \"commands/review.md\", \"settings:hooks\", \"mcp:m\"]\n")
	url, log := w.FakeAPI([]map[string]any{{"text": "done"}, {"text": "done"}})
	args := append(append([]string{"run"}, w.AgentFlags("DEVENV", url)...), "--", "-p", "/review the-argument")
	if r := world.Finish(t, w.Command(args...)); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	requests := w.Read(log)
	for _, want := range []string{"marked-command the-argument", "marked-skill"} {
		if !strings.Contains(requests, want) {
			t.Errorf("the agent knows nothing of %s", want)
		}
	}
	if strings.Contains(requests, "marked-other") {
		t.Error("a command that is not named came along")
	}
	for _, name := range []string{"hooked", "mcp"} {
		if _, err := os.Stat(filepath.Join(w.Project, name)); err != nil {
			t.Errorf("not run: %v", err)
		}
	}
	r := w.Bash(`cd ~/.claude; grep -rl ` + world.Planted + ` ~ 2>/dev/null; echo x >>commands/review.md; echo x >skills/pdf/SKILL.md; touch skills/new; rm -rf skills/pdf commands/review.md; ls commands skills`)
	if r.Out != "commands:\nreview.md\n\nskills:\npdf\n" || w.Read(w.Home+"/.claude/skills/pdf/SKILL.md") == "x\n" {
		t.Errorf("not read-only, or with a secret: %s", r)
	}
	if r := w.Run("explain", "--closure", world.RequireVariable(t, "BASE_CLOSURE")); !strings.Contains(r.Out, "runs bash -c touch "+w.Project+"/mcp") {
		t.Errorf("explain does not say what runs: %s", r)
	}
	if r := w.Run("config", "review", "--json"); strings.Contains(r.Out, "commands") || strings.Contains(r.Out, "hooks") || strings.Contains(r.Out, "mcpServers") {
		t.Errorf("what was brought is shown as a change: %s", r)
	}
	if err := os.Remove(policy); err != nil {
		t.Fatal(err)
	}
	if r := w.Bash(`cd ~/.claude; cat settings.json .claude.json | grep -e hooks -e '"m"'; ls -A commands skills 2>/dev/null; true`); r.Out != "commands:\n" {
		t.Errorf("still there: %s", r)
	}
	// A grant of a folder of the host's is the same for files.
	if r := w.Bash(`cat ~/.claude/commands/other.md`, "--read", "~/.claude/commands"); r.Out != "marked-other\n" {
		t.Errorf("--read: %s", r)
	}
	if r := w.Run("config", "bring"); !strings.Contains(r.Out, "mcp:m") || strings.Contains(r.Out, world.Planted) {
		t.Errorf("config bring: %s", r)
	}
	w.Write(".jailed-claude.toml", "version = 1\n[agent]\nbring = [\"commands\"]\n")
	if r := w.Bash("true"); r.Status != 125 || !strings.Contains(r.Err, "reads, follows or executes it in the jail") {
		t.Errorf("by a project that nobody approved: %s", r)
	}
}
