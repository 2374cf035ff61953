package overlay

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec"
	"github.com/jailed-claude/jailed-claude/spec/host"
	"github.com/jailed-claude/jailed-claude/spec/host/survey"
	"github.com/jailed-claude/jailed-claude/spec/policy"
)

// TestNotes: one line, where git will need its config and cannot write it.
func TestNotes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{".git/HEAD": "ref: refs/heads/x\n", ".git/config": "[remote \"origin\"]\n\turl = /x\n"} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	held := survey.Project{Dir: dir, Protect: []survey.Path{{Path: filepath.Join(dir, ".git/config")}}}
	lifted := survey.Project{Dir: dir}
	for _, c := range []struct {
		project survey.Project
		mode    string
		said    bool
	}{{held, policy.ProjectRW, true}, {held, policy.ProjectOverlay, false}, {held, policy.ProjectRO, false}, {lifted, policy.ProjectRW, false}} {
		in := &spec.Input{Host: host.Facts{Project: c.project}}
		in.Policy.Files.Project = c.mode
		lines := Notes(in)
		if (len(lines) == 1 && strings.Contains(lines[0], "what x tracks") && strings.Contains(lines[0], "--project-mode overlay")) != c.said || len(lines) > 1 {
			t.Errorf("%s: %q", c.mode, lines)
		}
	}
}
