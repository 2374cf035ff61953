package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// guarded are files that a host executes or trusts unasked, in a project that
// has all of them.
var guarded = []string{
	".git/config", ".git/hooks/pre-commit", ".envrc", ".vscode/tasks.json", ".idea/workspace.xml",
	".claude/settings.json", ".claude/settings.local.json", ".claude/hooks/h.sh", ".claude/commands/c.md", ".claude/agents/a.md",
	".mcp.json", ".gitmodules", ".jailed-claude.toml", ".husky/pre-commit", ".pre-commit-config.yaml", ".devcontainer/devcontainer.json",
	"nested/.git/config", "nested/.git/hooks/post-checkout", "nested/.envrc",
}

func TestWhatTheHostTrustsIsReadOnly(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Repository(filepath.Join(w.Project, "nested"))
	for _, f := range guarded {
		if !strings.HasSuffix(f, "/config") {
			content := "# mine\n"
			switch {
			case strings.HasSuffix(f, ".json"):
				content = "{}\n"
			case strings.HasSuffix(f, "toml"):
				content = "version = 1\n"
			}
			w.Write(f, content)
		}
	}
	w.Git(w.Project, "-c", "advice.addEmbeddedRepo=false", "add", "--force", ".")
	w.Git(w.Project, "commit", "--quiet", "--no-verify", "-m", "more")
	w.Holds(guarded, "--policy", "none")

	// All the same, git works.
	w.Must(`rm -f .git/hooks/pre-commit.sample; echo more >>README && git add README && git commit -qm more && git branch b && git switch -q b &&
		git stash list && git tag v1 && cd nested && echo more >>README && git commit -qam nested`, "--policy", "none")
	if got := strings.TrimSpace(w.Git(w.Project, "log", "-1", "--format=%s", "b")); got != "more" {
		t.Errorf("the commit on the host is %q", got)
	}
}

func TestPolicyProtects(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write("infra/deep/main.tf", "mine\n")
	w.CommitAll()
	w.Write(w.Dir+"/policy.toml", "version = 1\n[files]\nprotect = [\"infra/\"]\n")
	flags := []string{"--policy", w.Dir + "/policy.toml"}
	w.Holds([]string{"infra/deep/main.tf"}, flags...)
	if r := w.Bash("! touch infra/new && ! mkdir infra/deep/new", flags...); r.Status != 0 {
		t.Errorf("got through: %s", r)
	}
	// The attacks do work where nothing is protected.
	if got := w.Guard([]string{"infra/deep/main.tf"}, "--policy", "none"); len(got) < 10 {
		t.Errorf("of the attacks on an open file only these worked: %q", got)
	}
	w.Git(w.Project, "checkout", "--quiet", "--force", ".")
}

// TestNewTrustedFilesAreReported: what did not exist cannot be protected
// without a stub, so it is named when the jail ends.
func TestNewTrustedFilesAreReported(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	r := w.Bash("mkdir -p .vscode .claude; echo x >.envrc; echo {} >.vscode/tasks.json; echo {} >.claude/settings.json; echo x >harmless; cp /bin/sh .git/config.worktree")
	for _, name := range []string{".envrc", ".vscode", ".claude/settings.json", ".git/config.worktree"} {
		if !strings.Contains(r.Err, filepath.Join(w.Project, name)) {
			t.Errorf("%s appeared and is not reported: %s", name, r)
		}
	}
	if strings.Contains(r.Err, "harmless") {
		t.Errorf("reported for nothing: %s", r)
	}
	if r := w.Bash("true"); strings.Contains(r.Err, ".envrc") {
		t.Errorf("reported, though it was there before: %s", r)
	}
}

// TestDotfiles: what the home's own symlinks lead to in the project, and what the
// caller's git config includes from it, cannot be changed.
func TestDotfiles(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	for _, f := range []string{"dots/bashrc", "nvim/init.lua", "tools/tool", "gitconfig", "pager"} {
		w.Write(f, "# mine\n")
	}
	w.Write("gitconfig", "[core]\n\tpager = "+w.Project+"/pager\n")
	for link, to := range map[string]string{".bashrc": "dots/bashrc", ".config/nvim": "nvim", "bin/tool": "tools/tool", "notes": "README"} {
		w.Mkdir(filepath.Dir(filepath.Join(w.Home, link)), 0o755)
		if err := os.Symlink(filepath.Join(w.Project, to), filepath.Join(w.Home, link)); err != nil {
			t.Fatal(err)
		}
	}
	w.Write(w.Home+"/.gitconfig", w.Read(w.Home+"/.gitconfig")+"[include]\n\tpath = "+w.Project+"/gitconfig\n")
	w.CommitAll()
	w.Holds([]string{"dots/bashrc", "nvim/init.lua", "tools/tool", "gitconfig", "pager"})
	w.Must("echo more >>README && touch dots/other")
}
