package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
	"github.com/jailed-claude/jailed-claude/hack/e2e/world/canary"
)

// TestCanaries: whichever agent runs, what any agent on the host executes is named
// where the jail made it, and held from then on; what only instructs is one line.
func TestCanaries(t *testing.T) {
	if n := len(canary.Executed); n != 47 {
		t.Errorf("%d canaries", n)
	}
	for _, agent := range []string{"claude", "codex", "gemini", "opencode"} {
		t.Run(agent, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			bin := filepath.Join(w.Home, "bin")
			program := w.Write(filepath.Join(bin, agent), "#!/bin/sh\n"+canary.Script())
			if err := os.Chmod(program, 0o755); err != nil {
				t.Fatal(err)
			}
			w.Env["PATH"] = bin + ":/usr/local/bin:/usr/bin:/bin"
			for _, held := range []bool{false, true} {
				r := world.Finish(t, w.Command("run", agent, "--net", "none"))
				canary.Judge(w, agent, held, r.Out, r.Err)
			}
			if r := world.Finish(t, w.Command("shell", "--agent", agent, "--net", "none", "--", "true")); strings.Contains(r.Err, "instructs") {
				t.Errorf("nothing was written, and something is named: %s", r)
			}
			r := world.Finish(t, w.Command("shell", "--agent", agent, "--net", "none", "--strict", "--", "sh", "-c", "mkdir -p new; echo x >new/AGENTS.md"))
			if r.Status != 0 || !strings.Contains(r.Err, `only instructs agents: "new/AGENTS.md"`) {
				t.Errorf("--strict: %s", r)
			}
			// Nothing comes to its folder then, which may be passed over at the end.
			if r := world.Finish(t, w.Command("shell", "--agent", agent, "--net", "none", "--", "sh", "-c", "echo y >>new/AGENTS.md")); !strings.Contains(r.Err, `only instructs agents: "new/AGENTS.md"`) {
				t.Errorf("written in place: %s", r)
			}
			// What is read-only, or in a layer, is not the jail's to write: nothing is said.
			for _, project := range []string{"ro", "overlay"} {
				policy := w.Write(filepath.Join(w.Dir, project+".toml"), "version = 1\n[files]\nproject = \""+project+"\"\n")
				if r := world.Finish(t, w.Command("shell", "--agent", agent, "--net", "none", "--policy", policy, "--", "sh", "-c", "echo x >AGENTS.md; true")); strings.Contains(r.Err, "instructs agents") {
					t.Errorf("%s: %s", project, r)
				}
			}
		})
	}
}
