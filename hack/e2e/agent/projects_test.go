package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// sibling is another project of the same caller.
func sibling(w *world.World, name string) *world.World {
	other := *w
	other.Project = filepath.Join(w.Home, name)
	other.Repository(other.Project)
	return &other
}

// TestProjectsKnowNothingOfEachOther: what one project's jail leaves in the
// agent's configuration, another one's neither reads nor runs, and nothing of
// jailed-claude's state can be reached from inside.
func TestProjectsKnowNothingOfEachOther(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	other := sibling(w, "other")
	w.Must(`mkdir -p ~/.claude/projects/x ~/.claude/hooks && echo ` + world.Planted + ` >~/.claude/projects/x/transcript.jsonl && echo touch >~/.claude/hooks/h.sh && echo '{"hooks":{}}' >~/.claude/settings.json`)
	if w.Read(w.Private("projects/x/transcript.jsonl")) != world.Planted+"\n" {
		t.Fatal("the first project's jail kept nothing: the test proves nothing")
	}
	look := `find / -xdev -name transcript.jsonl 2>/dev/null; grep -rl ` + world.Planted + ` ~ 2>/dev/null; ls ~/.claude/hooks 2>/dev/null; ls ~/.local/state 2>/dev/null; ls "` + filepath.Dir(w.State()) + `" 2>/dev/null; true`
	if out := other.Must(look); out != "" {
		t.Errorf("the other project's jail finds: %s", out)
	}
	other.Must(`for f in "` + w.Private("settings.json") + `" ~/.claude/../.local/state/x; do mkdir -p "$(dirname "$f")" && echo evil >"$f"; done 2>/dev/null; true`)
	if got := w.Read(w.Private("settings.json")); got != "{\"hooks\":{}}\n" {
		t.Errorf("the other project's jail changed it to %q", got)
	}
	// Both at the same time: the same.
	w.Must(`echo now >~/.claude/now`)
	if out := other.Must(`ls -A ~/.claude`); strings.Contains(out, "now") {
		t.Errorf("the other project's jail sees %q", out)
	}
	// Nor by its own word: the project's path decides, not its name.
	inner := sibling(w, "deep/project")
	if out := inner.Must(look); out != "" {
		t.Errorf("a project of the same name finds: %s", out)
	}
}

// TestProjectThatMoved: its configuration comes along, and is not there for
// what is at the old path now.
func TestProjectThatMoved(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Must(`echo mine >~/.claude/note`)
	old := w.Project
	moved := *w
	moved.Project = filepath.Join(w.Home, "elsewhere")
	if err := os.Rename(old, moved.Project); err != nil {
		t.Fatal(err)
	}
	r := moved.Bash(`cat ~/.claude/note`)
	if r.Status != 0 || r.Out != "mine\n" || !strings.Contains(r.Err, old) {
		t.Errorf("after the move: %s", r)
	}
	if r := moved.Bash(`cat ~/.claude/note`); r.Status != 0 || strings.Contains(r.Err, "before") {
		t.Errorf("the second time: %s", r)
	}
	w.Repository(old)
	if r := w.Bash(`cat ~/.claude/note`); r.Status == 0 {
		t.Errorf("another project at the old path has the note: %s", r)
	}
}

// TestWorktreeSharesTheConfiguration of its repository, unless the policy says
// otherwise; one that only says so itself does not.
func TestWorktreeSharesTheConfiguration(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	linked := *w
	linked.Project = filepath.Join(w.Home, "linked")
	w.Git(w.Project, "worktree", "add", "--quiet", linked.Project)
	w.Must(`echo shared >~/.claude/note`)
	if out := linked.Must(`cat ~/.claude/note`); out != "shared\n" {
		t.Errorf("the worktree sees %q", out)
	}
	own := w.Write(filepath.Join(w.Home, "own.toml"), "version = 1\n[agent]\nseparate-worktrees = true\n")
	if out := linked.Must(`ls -A ~/.claude`, "--policy", own); strings.Contains(out, "note") {
		t.Errorf(`with separate-worktrees it sees %q`, out)
	}
	// A folder of strangers whose .git file names a repository of yours.
	liar := *w
	liar.Project = filepath.Join(w.Home, "liar")
	liar.Write(".git", "gitdir: "+filepath.Join(w.Project, ".git/worktrees/linked")+"\n")
	if out := liar.Must(`ls -A ~/.claude`); strings.Contains(out, "note") {
		t.Errorf("a folder that says it is a worktree sees %q", out)
	}
}

// TestCommonConfiguration: the one that all projects shared in earlier versions
// is named once, copied on request, and never used by itself.
func TestCommonConfiguration(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	state := filepath.Join(w.Home, ".local/state/jailed-claude")
	w.Write(filepath.Join(state, "claude/CLAUDE.md"), "of all projects\n")
	w.Write(filepath.Join(state, "claude/skills/s/SKILL.md"), "x\n")
	if err := os.Symlink("/etc/passwd", filepath.Join(state, "claude/link")); err != nil {
		t.Fatal(err)
	}
	r := w.Bash(`cat ~/.claude/CLAUDE.md`)
	if r.Status == 0 || !strings.Contains(r.Err, "jailed-claude config import") {
		t.Errorf("first: %s", r)
	}
	if r := w.Bash(`true`); strings.Contains(r.Err, "config import") {
		t.Errorf("named again: %s", r)
	}
	if r := w.Run("config", "import"); r.Status != 125 || !strings.Contains(r.Err, "--yes") {
		t.Errorf("import without a terminal: %s", r)
	}
	if r := w.Run("config", "import", "--yes"); r.Status != 0 {
		t.Fatalf("import: %s", r)
	}
	if out := w.Must(`cat ~/.claude/CLAUDE.md ~/.claude/skills/s/SKILL.md; readlink ~/.claude/link`); out != "of all projects\nx\n/etc/passwd\n" {
		t.Errorf("after the import: %q", out)
	}
	if w.Read(filepath.Join(state, "claude/CLAUDE.md")) != "of all projects\n" {
		t.Error("the common configuration was changed")
	}
	if left, _ := filepath.Glob(filepath.Join(w.State(), ".*")); len(left) > 0 {
		t.Errorf("the import left %q", left)
	}
	if r := w.Run("config", "prune", "--common", "--yes"); r.Status != 0 {
		t.Errorf("prune: %s", r)
	}
	if _, err := os.Lstat(filepath.Join(state, "claude")); err == nil {
		t.Error("the common configuration is still there")
	}
	if r := w.Run("config", "import", "--yes"); r.Status != 125 {
		t.Errorf("import of nothing: %s", r)
	}
}

// TestConfigListAndPrune: who has what, and what of it is for nobody any more.
func TestConfigListAndPrune(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	other := sibling(w, "other")
	w.Must(`true`)
	other.Must(`echo x >~/.claude/x`)
	if r := w.Run("config", "list"); r.Status != 0 || !strings.Contains(r.Out, w.Project) || !strings.Contains(r.Out, other.Project) {
		t.Errorf("list: %s", r)
	}
	if r := w.Run("config", "path"); strings.TrimSpace(r.Out) != w.Private("") {
		t.Errorf("path: %s, not %s", r, w.Private(""))
	}
	if r := w.Run("config", "path", "--project", other.Project); strings.TrimSpace(r.Out) != other.Private("") {
		t.Errorf("path of the other: %s", r)
	}
	if err := os.RemoveAll(other.Project); err != nil {
		t.Fatal(err)
	}
	if r := w.Run("config", "list", "--json"); r.Status != 0 || !strings.Contains(r.Out, `"gone": true`) {
		t.Errorf("list: %s", r)
	}
	if r := w.Run("config", "prune"); r.Status != 125 || !strings.Contains(r.Err, "--yes") {
		t.Errorf("prune without a terminal: %s", r)
	}
	if r := w.Run("config", "prune", "--yes"); r.Status != 0 || !strings.Contains(r.Err, other.Project) {
		t.Errorf("prune: %s", r)
	}
	if _, err := os.Stat(other.State()); err == nil {
		t.Error("the state of the project that is gone is still there")
	}
	if _, err := os.Stat(w.State()); err != nil {
		t.Error(err)
	}
}
