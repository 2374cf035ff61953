package review

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestAgentReviewed: the real agent edits, commits and plants a hook in a layer.
// The review shows the hook first; without it the rest goes over, with the author
// of the commit.
func TestAgentReviewed(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	type tool struct {
		Name  string         `json:"name"`
		Input map[string]any `json:"input"`
	}
	type turn struct {
		Text  string `json:"text"`
		Tools []tool `json:"tools"`
	}
	canary := filepath.Join(w.Home, "canary")
	url, log := w.FakeAPI([]turn{
		{"I edit.", []tool{{"Bash", map[string]any{"description": "Edit", "command": `echo better >>README && git add README && git commit -qm 'by the agent' && mkdir -p src && echo 'package x' >src/x.go`}}}},
		{"I plant.", []tool{{"Bash", map[string]any{"description": "Plant", "command": `printf '#!/bin/sh\ntouch ` + canary + `\n' >.git/hooks/post-index-change; chmod +x .git/hooks/post-index-change; git config core.fsmonitor 'touch ` + canary + `; :'; echo '{}' >.mcp.json`}}}},
		{"DONE", nil},
	})
	args := append(append([]string{"run", "--project-mode", "overlay"}, w.AgentFlags("DEVENV", url)...), "--", "-p", "work", "--dangerously-skip-permissions")
	r := world.Finish(t, w.Command(args...))
	if r.Status != 0 || !strings.Contains(r.Out, "DONE") {
		t.Fatalf("%s\nrequests:\n%.2000s", r, w.Read(log))
	}
	if got := w.Git(w.Project, "log", "--format=%s"); got != "first\n" {
		t.Fatalf("the host has %q", got)
	}
	shown := review(w)
	var order []int
	for _, want := range []string{"waits for a yes", ".git/hooks/post-index-change", "added    .mcp.json: Claude Code's MCP servers", "Ada Caller <ada@example.org>: by the agent", ".git/config core.fsmonitor", "added    src/x.go", "+package x"} {
		at := strings.Index(shown.Out, want)
		if order = append(order, at); at < 0 || len(order) > 1 && at < order[len(order)-2] {
			t.Errorf("%q is not where it belongs: %s", want, shown)
		}
	}
	if r := review(w, "--apply"); r.Status != 0 || !strings.Contains(r.Err, "to take it back: jailed-claude review --undo") {
		t.Fatalf("%s", r)
	}
	if got := w.Git(w.Project, "log", "--format=%an %s"); got != "Ada Caller by the agent\nAda Caller first\n" && !strings.HasPrefix(got, "Ada Caller by the agent\n") {
		t.Errorf("%q", got)
	}
	if got := w.Git(w.Project, "status", "--porcelain"); got != "?? src/\n" {
		t.Errorf("%q", got)
	}
	for _, p := range []string{canary, filepath.Join(w.Project, ".mcp.json"), filepath.Join(w.Project, ".git/hooks/post-index-change")} {
		if _, err := os.Lstat(p); err == nil {
			t.Errorf("%s is there", p)
		}
	}
	if r := review(w, "--apply", "--yes-executes", ".mcp.json"); r.Status != 0 || w.Read(".mcp.json") != "{}\n" {
		t.Errorf("%s", r)
	}
	if r := review(w, "--discard"); r.Status != 0 {
		t.Errorf("%s", r)
	}
	if r := review(w); r.Out != "" || !strings.Contains(r.Err, "the layer holds no change") {
		t.Errorf("%s", r)
	}
}

// TestRefusedWhileItRuns: nothing is applied while a jail has the layer, and a jail
// does not start in a layer that is half applied.
func TestRefusedWhileItRuns(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	c := w.Base("echo x >x; touch ready; sleep 60", "--project-mode", "overlay")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	}()
	var layers []string
	world.WaitFor(t, "the jail", func() bool {
		layers, _ = filepath.Glob(filepath.Join(w.Home, ".local/state/jailed-claude/projects/*/layer/upper/ready"))
		return len(layers) == 1
	})
	for _, flag := range []string{"--apply", "--discard", "--undo"} {
		if r := review(w, flag); r.Status != 125 || !strings.Contains(r.Err, "mounted") {
			t.Errorf("%s: %s", flag, r)
		}
	}
	if r := review(w); r.Status != 0 || !strings.Contains(r.Out, "a jail runs in this layer") || !strings.Contains(r.Out, "added    x") {
		t.Errorf("%s", r)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	dir := filepath.Dir(filepath.Dir(layers[0]))
	world.WaitFor(t, "the jail's end", func() bool { return review(w, "--apply", "x").Status == 0 })
	w.Write(filepath.Join(dir, "apply/journal.json"), "{}")
	if r := world.Finish(t, w.Base("true", "--project-mode", "overlay")); r.Status != 125 || !strings.Contains(r.Err, "review --undo") {
		t.Errorf("%s", r)
	}
}
