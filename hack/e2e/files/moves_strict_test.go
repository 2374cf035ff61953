package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestStrictAndTheHost: what git and editors of the host do beside a strict jail
// neither ends it nor makes it end badly, as long as it is certain that the jail
// had no part in it: one rename, or the same as before.
func TestStrictAndTheHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		host    string
		certain bool
	}{
		"git config":               {`git config branch.main.remote origin`, true},
		"an editor":                {`for i in 1 2 3; do echo $i >tmp; mv tmp .envrc; sleep 0.1; done`, true},
		"git switch and back":      {`git switch -q other; git switch -q main`, true},
		"git stash":                {`echo more >>README; git stash -q; git stash pop -q`, true},
		"git rebase":               {`git switch -q -c side; git commit -q --allow-empty --no-verify -m side; git rebase -q other; git switch -q main`, true},
		"a folder restored":        {`cp -r .vscode v; rm -r .vscode; mv v .vscode`, true},
		"a repository restored":    {`cp -r .git ../g; mv .git ../old; mv ../g .git`, true},
		"another content":          {`rm .envrc; echo other >.envrc`, false},
		"another file in a folder": {`rm -r .vscode; mkdir .vscode; echo {} >.vscode/tasks.json; echo x >.vscode/x`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := beside(protectedProject(t), "--strict")
			time.Sleep(2 * time.Second) // what is there is read half a second after the start
			m.host(c.host)
			if _, status := m.inside("true"); status != "0" {
				t.Fatalf("the jail ended: %s", m.end())
			}
			end := m.end()
			if (end.Status == 0) != c.certain || strings.Contains(end.Err, "review") == c.certain || !strings.Contains(end.Err, "the host replaced files") && name != "git stash" {
				t.Errorf("certain %v: %s", c.certain, end)
			}
		})
	}
}

// TestHostReplacesInTheSharedConfiguration: what the host's own agent writes anew
// beside the jail is as protected as before.
func TestHostReplacesInTheSharedConfiguration(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ host, path string }{
		"settings":   {`echo '{"model":"x"}' >t; mv t ~/.claude/settings.json`, "settings.json"},
		"made again": {`rm ~/.claude/CLAUDE.md; echo new >~/.claude/CLAUDE.md`, "CLAUDE.md"},
		"a folder":   {`cp -r ~/.claude/hooks h; rm -r ~/.claude/hooks; mv h ~/.claude/hooks`, "hooks/h.sh"},
		"a skill":    {`mv ~/.claude/skills ~/.claude/old; cp -r ~/.claude/old ~/.claude/skills; rm -r ~/.claude/old`, "skills/s/SKILL.md"},
		"an example": {`sed -i s/mine/yours/ ~/.claude/commands/c.md`, "commands/c.md"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			for _, f := range []string{"CLAUDE.md", "hooks/h.sh", "skills/s/SKILL.md", "commands/c.md"} {
				w.Write(w.Home+"/.claude/"+f, "# mine\n")
			}
			w.Write(w.Home+"/.claude/settings.json", "{}")
			w.Write(w.Home+"/.claude.json", `{"mcpServers":{}}`)
			w.Write(w.Dir+"/policy.toml", "version = 1\n[agent]\nconfig = \"shared\"\n")
			m := beside(w, "--policy", w.Dir+"/policy.toml")
			m.host(c.host)
			p := filepath.Join(w.Home, ".claude", c.path)
			before := w.Read(p)
			for _, attack := range []string{"echo evil >>P", "rm -f P", "mv P x", "echo evil >y; mv -f y P", "ln P z", `mv "$(dirname P)" moved`} {
				_, status := m.inside(strings.ReplaceAll(attack, "P", p))
				if got, err := os.ReadFile(p); err != nil || string(got) != before {
					t.Fatalf("%s (status %s): on the host it is %q, not %q", attack, status, got, before)
				}
			}
			if end := m.end(); end.Status != 0 || !strings.Contains(end.Err, "the host replaced files") && !strings.Contains(c.path, "/") {
				t.Errorf("at the end: %s", end)
			}
		})
	}
}
