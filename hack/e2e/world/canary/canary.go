package canary

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// Executed are files of a project that agents on the host execute or trust, a list
// of what was seen of them that spec/agent has no part in.
var Executed = []string{
	".mcp.json", ".claude/settings.json", ".claude/settings.local.json", ".claude/hooks/h.sh", ".claude/commands/c.md", ".claude/agents/a.md",
	".claude/skills/s/SKILL.md", ".claude/plugins/p/plugin.json", ".claude/workflows/w.js", ".claude/output-styles/o.md", ".claude/launch.json",
	".claude/scheduled_tasks.json", ".claude/loop.md", ".claude/routines/r.md", ".claude/rules/r.md",
	"opencode.json", "opencode.jsonc", ".opencode/opencode.json", ".opencode/opencode.jsonc",
	".opencode/plugin/p.js", ".opencode/plugins/p.js", ".opencode/tool/t.js", ".opencode/tools/t.js",
	".pi/extensions/e.ts", ".pi/settings.json", ".pi/tools/t.ts", ".pi/hooks/h.ts", ".pi/git/g/index.ts", ".pi/npm/n/index.js",
	".cline/hooks/TaskStart", ".cline/plugins/p.js", ".clinerules/hooks/TaskStart",
	".amp/plugins/p.ts", ".amp/settings.json", ".amp/settings.jsonc",
	".qwen/settings.json", ".qwen/.env", ".gemini/settings.json", ".gemini/.env",
	".codex/config.toml", ".codex/hooks.json", ".codex/rules/r.rules", ".agents/plugins/marketplace.json",
	".github/hooks/h.json", ".github/copilot/settings.json", ".github/lsp.json", ".continue/settings.json",
}

// Instructions are files that agents only follow.
var Instructions = []string{
	"AGENTS.md", "CLAUDE.md", "GEMINI.md", "pkg/AGENTS.md", "AGENTS.override.md", ".clinerules/style.md", ".agents/skills/s/SKILL.md", ".github/copilot-instructions.md",
	".opencode/agent/a.md", ".codex/skills/s/SKILL.md",
}

// Script writes all of them, and says of each whether it could.
func Script() string {
	var s strings.Builder
	for _, f := range slices.Concat(Executed, Instructions) {
		s.WriteString("mkdir -p " + filepath.Dir(f) + "; if (echo evil >" + f + ") 2>/dev/null; then echo wrote " + f + "; else echo held " + f + "; fi\n")
	}
	return s.String()
}

// Judge tells what is wrong after Script ran in a jail: held is what
// had to be held, else all had to be written and named. out is what the script said,
// errs what jailed-claude did.
func Judge(w *world.World, who string, held bool, out, errs string) {
	w.T.Helper()
	var lines strings.Builder
	for l := range strings.Lines(errs) {
		if strings.Contains(l, "only instructs agents: ") {
			lines.WriteString(l)
		}
	}
	only := lines.String()
	verdict := map[bool]string{true: "held ", false: "wrote "}
	for _, f := range Executed {
		if !strings.Contains(out, verdict[held]+f+"\n") {
			w.T.Errorf("%s: not %s%s", who, verdict[held], f)
		}
		named := false
		for p := f; p != "."; p = filepath.Dir(p) {
			named = named || strings.Contains(errs, "\n  "+strconv.Quote(filepath.Join(w.Project, p))+": ")
		}
		if named == held {
			w.T.Errorf("%s: %s is named: %v", who, f, named)
		}
		if strings.Contains(only, strconv.Quote(f)) {
			w.T.Errorf("%s: %s has two lines", who, f)
		}
	}
	for _, f := range Instructions {
		if !strings.Contains(out, "wrote "+f+"\n") {
			w.T.Errorf("%s: %s could not be written", who, f)
		}
		if !strings.Contains(only, strconv.Quote(f)) {
			w.T.Errorf("%s: %s is not among what only instructs", who, f)
		}
	}
	if n := strings.Count(only, "\n"); n != 1 {
		w.T.Errorf("%s: %d lines of what only instructs: %s", who, n, errs)
	}
}
