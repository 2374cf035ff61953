package e2e

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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
	w := newWorld(t)
	w.repository(filepath.Join(w.project, "nested"))
	for _, f := range guarded {
		if !strings.HasSuffix(f, "/config") {
			content := "# mine\n"
			switch {
			case strings.HasSuffix(f, ".json"):
				content = "{}\n"
			case strings.HasSuffix(f, "toml"):
				content = "version = 1\n"
			}
			w.write(f, content)
		}
	}
	w.git(w.project, "-c", "advice.addEmbeddedRepo=false", "add", "--force", ".")
	w.git(w.project, "commit", "--quiet", "--no-verify", "-m", "more")
	w.holds(guarded, "--policy", "none")

	// All the same, git works.
	w.must(`rm -f .git/hooks/pre-commit.sample; echo more >>README && git add README && git commit -qm more && git branch b && git switch -q b &&
		git stash list && git tag v1 && cd nested && echo more >>README && git commit -qam nested`, "--policy", "none")
	if got := strings.TrimSpace(w.git(w.project, "log", "-1", "--format=%s", "b")); got != "more" {
		t.Errorf("the commit on the host is %q", got)
	}
}

func inodeOf(t *testing.T, name string) uint64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(name, &st); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return st.Ino
}

func TestPolicyProtects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("infra/deep/main.tf", "mine\n")
	w.commitAll()
	w.write(w.dir+"/policy.toml", "version = 1\n[files]\nprotect = [\"infra/\"]\n")
	flags := []string{"--policy", w.dir + "/policy.toml"}
	w.holds([]string{"infra/deep/main.tf"}, flags...)
	if r := w.bash("! touch infra/new && ! mkdir infra/deep/new", flags...); r.status != 0 {
		t.Errorf("got through: %s", r)
	}
	// The attacks do work where nothing is protected.
	if got := w.guard([]string{"infra/deep/main.tf"}, "--policy", "none"); len(got) < 10 {
		t.Errorf("of the attacks on an open file only these worked: %q", got)
	}
	w.git(w.project, "checkout", "--quiet", "--force", ".")
}

// TestNewTrustedFilesAreReported: what did not exist cannot be protected
// without a stub, so it is named when the jail ends.
func TestNewTrustedFilesAreReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.bash("mkdir -p .vscode .claude; echo x >.envrc; echo {} >.vscode/tasks.json; echo {} >.claude/settings.json; echo x >harmless; cp /bin/sh .git/config.worktree")
	for _, name := range []string{".envrc", ".vscode", ".claude/settings.json", ".git/config.worktree"} {
		if !strings.Contains(r.err, filepath.Join(w.project, name)) {
			t.Errorf("%s appeared and is not reported: %s", name, r)
		}
	}
	if strings.Contains(r.err, "harmless") {
		t.Errorf("reported for nothing: %s", r)
	}
	if r := w.bash("true"); strings.Contains(r.err, ".envrc") {
		t.Errorf("reported, though it was there before: %s", r)
	}
}
