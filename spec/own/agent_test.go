package own

import (
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/agent"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// TestSandboxNote: who asks for a sandbox that cannot work is told so, and who does
// not is left alone.
func TestSandboxNote(t *testing.T) {
	for _, c := range []struct {
		agent, args string
		nesting     bool
		want        string
	}{
		{"codex", "", false, ""},
		{"codex", "exec x", false, ""},
		{"codex", "--sandbox workspace-write", false, "leave out --sandbox; or identity.nesting = true"},
		{"codex", "--sandbox=read-only exec", false, "leave out --sandbox;"},
		{"codex", "exec -s read-only x", false, "leave out -s;"},
		{"codex", "--sandbox", false, "leave out --sandbox;"},
		{"codex", "--sandbox danger-full-access", false, ""},
		{"codex", "-s=danger-full-access", false, ""},
		{"codex", "--yolo", false, ""},
		{"codex", "--sandbox workspace-write", true, ""},
		{"copilot", "-p x --sandbox", true, "leave out --sandbox"},
		{"copilot", "-p x", false, ""},
		{"gemini", "-s", false, "leave out -s"},
		{"gemini", "--sandbox=false", false, ""},
		{"qwen", "--sandbox", false, ""},
		{"pi", "--sandbox", false, ""},
	} {
		got := sandboxNote(agent.Named(c.agent), strings.Fields(c.args), "", c.nesting, false)
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q", c, got)
		}
	}
	own := agent.Defined{Name: "crush", SandboxOff: []string{"--no-sandbox"}}.Agent()
	if got := sandboxNote(own, nil, "", false, true); !strings.HasSuffix(got, "run --agent crush -- --no-sandbox") {
		t.Errorf("%q", got)
	}
	if got := sandboxNote(own, []string{"--no-sandbox"}, "", false, true); got != "" {
		t.Errorf("%q", got)
	}
}

// TestAsksFor: a variable that asks for the sandbox is named, unless it says no.
func TestAsksFor(t *testing.T) {
	host := map[string]string{"GEMINI_SANDBOX": "docker"}
	for _, c := range []struct {
		env  policy.Env
		want string
	}{
		{policy.Env{}, ""}, // that of the host does not cross
		{policy.Env{Pass: []string{"GEMINI_SANDBOX"}}, "leave out GEMINI_SANDBOX"},
		{policy.Env{Set: map[string]string{"GEMINI_SANDBOX": "true"}}, "leave out GEMINI_SANDBOX"},
		{policy.Env{Set: map[string]string{"GEMINI_SANDBOX": "False"}, Pass: []string{"GEMINI_SANDBOX"}}, ""},
		{policy.Env{Set: map[string]string{"GEMINI_SANDBOX": "0"}}, ""},
	} {
		a := agent.Named("gemini")
		got := sandboxNote(a, nil, asksFor(a.Sandbox, c.env, host), false, false)
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q", c.env, got)
		}
	}
	if by := asksFor(agent.Named("pi").Sandbox, policy.Env{Set: map[string]string{"": "x"}}, host); by != "" {
		t.Errorf("pi: %q", by)
	}
}
