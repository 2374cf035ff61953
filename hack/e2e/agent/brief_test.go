package agent

import (
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestNoWay: claude -p that nothing could answer does not start, and says what
// would help.
func TestNoWay(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, net := range [][]string{{"--net", "none"}, {"--net", "filtered", "--allow", "github.com"}} {
		r := world.Finish(t, w.Command(append(append([]string{"run", "--closure", world.RequireVariable(t, "CLAUDE_CLOSURE")}, net...), "--", "-p", "hi")...))
		if r.Status != 125 || r.Out != "" || !strings.Contains(r.Err, "claude -p has no way to api.anthropic.com") || !strings.Contains(r.Err, "--allow @claude") || !strings.Contains(r.Err, "--no-check") {
			t.Errorf("%q: %s", net, r)
		}
	}
}

// TestBrief: the real agent is told where it is, with each request and in its
// subagents, and when a command of its fails it reads why.
func TestBrief(t *testing.T) {
	t.Parallel()
	type call = map[string]any
	bash := func(command string) call {
		return call{"tools": []call{{"name": "Bash", "input": call{"description": "Try", "command": command}}}}
	}
	const failing = `echo '#!/bin/sh' >.git/hooks/pre-commit || jailed-claude-why .git/hooks/pre-commit`
	turns := []call{bash(failing), bash(failing), {"text": "READ <<{{tool_result}}>>"}}
	run := func(flags ...string) (answer, requests string) {
		w := world.New(t)
		w.Write(w.Project+"/.git/hooks/keep", "")
		url, log := w.FakeAPI(turns)
		args := append(append([]string{"run"}, w.AgentFlags("DEVENV", url)...), flags...)
		r := world.Finish(t, w.Command(append(args, "--", "-p", "add a hook", "--dangerously-skip-permissions")...))
		if r.Status != 0 {
			t.Fatal(r)
		}
		return r.Out, w.Read(log)
	}
	const told = "You run in a jail (jailed-claude)"
	answer, requests := run()
	if n := strings.Count(requests, told); n == 0 {
		t.Errorf("the agent was not told: %.3000s", requests)
	}
	if !strings.Contains(answer, "git hooks: the host executes or trusts it") || !strings.Contains(answer, "EROFS") {
		t.Errorf("the agent did not read why: %s", answer)
	}
	if _, requests := run("--no-brief"); strings.Contains(requests, told) {
		t.Error("with --no-brief it was told")
	}
}
