package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// everywhere are files that programs of the host execute or trust, in whatever
// folder they lie.
var everywhere = []string{
	".vscode/tasks.json", ".mcp.json", ".envrc", "mise.toml", "mise.local.toml", ".mise.ci.toml", ".config/mise.toml", ".config/mise/conf.d/x.toml",
	".claude/settings.json", ".claude/scheduled_tasks.json", ".claude/routines/r.md", ".claude/loop.md", ".claude/rules/r.md",
	".hg/hgrc", ".jj/repo/config.toml", "lefthook-local.yml", ".helix/languages.toml", ".idea/workspace.xml", ".Rprofile",
	".opencode/plugin/p.js", "opencode.json", ".pi/extensions/e.ts", ".pi/settings.json", ".cline/hooks/TaskStart", ".clinerules/hooks/h", ".amp/plugins/p.ts",
	".qwen/settings.json", ".qwen/.env", ".gemini/settings.json", ".codex/config.toml", ".github/hooks/h.json", ".github/copilot/settings.json", ".continue/settings.json",
	".aider.conf.yml", ".kiro/settings/mcp.json", ".kiro/hooks/h.kiro.hook", ".roo/mcp.json", ".windsurf/hooks.json", ".junie/mcp/mcp.json", ".factory/mcp.json", ".vim/coc-settings.json", ".shadowenv.d/10.lisp",
}

// TestTrustedFilesEverywhere: what the host executes or trusts can be changed in
// no folder that the search reaches, neither of the project nor of another
// folder that the jail may write.
func TestTrustedFilesEverywhere(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	further := filepath.Join(w.Home, "further")
	files := []string{further + "/r/.git/config", further + "/r/.git/hooks/post-checkout"}
	w.Repository(filepath.Join(further, "r"))
	w.Write(further+"/r/.git/hooks/post-checkout", "#!/bin/sh\n")
	for _, dir := range []string{w.Project, w.Project + "/pkg", w.Project + "/a/b/c/d", further, further + "/deep/er"} {
		for _, f := range everywhere {
			content := "# mine\n"
			if strings.HasSuffix(f, ".json") {
				content = "{}\n"
			}
			f = filepath.Join(dir, f)
			w.Write(f, content)
			if rel, err := filepath.Rel(w.Project, f); err == nil && filepath.IsLocal(rel) {
				f = rel
			}
			files = append(files, f)
		}
	}
	w.Git(w.Project, "add", "--force", ".")
	w.Git(w.Project, "commit", "--quiet", "-m", "more")
	w.Holds(files, "--write", further)
	// What is next to them is the agent's.
	w.Must("echo x >pkg/.github/x && echo x >pkg/.opencode/package.json && echo x >pkg/Makefile && mkdir pkg/.claude/plans && touch "+further+"/deep/x", "--write", further)
}

// TestNewTrustedFilesEverywhere: one that was not there is reported.
func TestNewTrustedFilesEverywhere(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	further := filepath.Join(w.Home, "further")
	w.Mkdir(further, 0o755)
	for _, dir := range []string{w.Project + "/pkg", w.Project + "/a/b/c/d", further, further + "/deep/er"} {
		for _, flags := range [][]string{nil, {"--strict"}} {
			// A strict jail may end at the first of them, in a folder's top.
			var script strings.Builder
			for _, f := range everywhere {
				script.WriteString("mkdir -p " + filepath.Dir(f) + "; echo x >" + f + "; ")
			}
			r := w.Bash("mkdir -p "+dir+"; cd "+dir+"; "+script.String(), append(flags, "--write", further)...)
			if len(flags) > 0 {
				if r.Status != 125 || !strings.Contains(r.Err, `"`+dir+"/") {
					t.Errorf("%s %q: %s", dir, flags, r)
				}
			} else {
				for _, f := range everywhere {
					if !reported(r.Err, dir, f) {
						t.Errorf("%s is not reported in %s: %s", f, dir, r)
					}
				}
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			w.Mkdir(further, 0o755)
		}
	}
	r := w.Bash("cd "+further+"; git init -q new; git init -q .", "--write", further)
	for _, p := range []string{further + "/new/.git", further + "/.git"} {
		if !strings.Contains(r.Err, `"`+p+`": `) {
			t.Errorf("%s is not reported: %s", p, r)
		}
	}
	// What is there before is not.
	if r := w.Bash("true", "--strict", "--write", further); r.Status != 0 || r.Err != "" {
		t.Errorf("of before: %s", r)
	}
}

// reported: a file is named, or a folder on the way to it.
func reported(text, dir, file string) bool {
	for p := file; p != "."; p = filepath.Dir(p) {
		if strings.Contains(text, `"`+filepath.Join(dir, p)+`": `) {
			return true
		}
	}
	return false
}
