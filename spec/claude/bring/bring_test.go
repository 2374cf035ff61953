package bring

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/claude/folder"
)

// configuration makes one of the host's.
func configuration(t *testing.T) folder.Host {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		".claude/commands/review.md":         "look at it\n",
		".claude/skills/pdf/SKILL.md":        "x\n",
		".claude/skills/pdf/scripts/fill.py": "#!/usr/bin/env python3\n",
		".claude/statusline.sh":              "#!/bin/sh\n",
		".claude/.credentials.json":          "{}",
		".claude/projects/p/x.jsonl":         "{}",
		".claude/CLAUDE.md":                  "copied by a first run\n",
		".claude/settings.json":              `{"statusLine":{"type":"command","command":"~/.claude/statusline.sh"},"hooks":{"Stop":[{"hooks":[{"type":"command","command":"notify-send\tdone"}]}]},"apiKeyHelper":"/bin/key"}`,
		".claude.json":                       `{"mcpServers":{"context7":{"command":"npx","args":["-y","@upstash/context7-mcp"],"env":{"KEY":"secret-of-ada"}},"docs":{"type":"http","url":"https://docs.example.org/mcp","headers":{"Authorization":"Bearer x"}}}}`,
		"secret/id_rsa":                      "secret\n",
	} {
		p := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(home, "secret"), filepath.Join(home, ".claude/skills/out")); err != nil {
		t.Fatal(err)
	}
	return folder.Find(map[string]string{}, home)
}

// TestOffer: all that executes or instructs, with what it does, and nothing
// else.
func TestOffer(t *testing.T) {
	h := configuration(t)
	want := map[string]string{
		"commands/review.md":  "instructs the agent",
		"skills/pdf":          "instructs the agent; holds 1 programs: scripts/fill.py",
		"settings:statusLine": "runs ~/.claude/statusline.sh",
		"settings:hooks":      "runs notify-send<U+0009>done",
		"mcp:context7":        "runs npx -y @upstash/context7-mcp; without KEY, which may be secret (mcp:context7:env brings them too)",
		"mcp:docs":            "an MCP server at https://docs.example.org/mcp; without Authorization, which may be secret (mcp:docs:env brings them too)",
	}
	for _, p := range Offer(h) {
		if want[p.Name] != p.Does {
			t.Errorf("%s: %q", p.Name, p.Does)
		}
		delete(want, p.Name)
		if strings.Contains(string(p.Value), "secret-of-ada") || strings.Contains(string(p.Value), "Bearer") {
			t.Errorf("%s has a secret: %s", p.Name, p.Value)
		}
	}
	for name := range want {
		t.Errorf("%s is not offered", name)
	}
	if line := Left(h, []string{"skills", "mcp:docs"}); !strings.Contains(line, "MCP servers (1), commands (1), settings that execute (2); ") {
		t.Errorf("left: %q", line)
	}
}

// TestFindRefuses: what is no piece, and what leads out.
func TestFindRefuses(t *testing.T) {
	h := configuration(t)
	for _, name := range []string{
		".credentials.json", "projects", "projects/p", "history.jsonl", "settings.json", ".claude.json", "skills/out", "skills/none", "skills/../projects/p",
		"mcp:none", "settings:apiKeyHelper", "settings:env", "../secret/id_rsa", "CLAUDE.md/../.credentials.json",
	} {
		if p, err := Find(h, name); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for _, name := range []string{"skills", "skills/pdf", "skills/pdf/SKILL.md", "statusline.sh", "mcp:context7:env"} {
		if _, err := Find(h, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := Find(h, "mcp:context7:env"); err != nil || !strings.Contains(string(p.Value), "secret-of-ada") || !strings.Contains(p.Does, "with the values of KEY") {
		t.Errorf("%+v, %v", p, err)
	}
}
