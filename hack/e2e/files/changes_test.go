package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestWhatMisleadsIsNamed: the agent needs git's index and the scripts of the
// project for its work. When it makes git overlook or replace something, or
// changes what a hook of the host runs, the end of the jail says so.
func TestWhatMisleadsIsNamed(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(".git/hooks/pre-commit", "#!/bin/sh\nexec scripts/lint.sh\n")
	w.Write("scripts/lint.sh", "#!/bin/sh\nexit 0\n")
	w.Write("other", "x\n")
	for _, f := range []string{".git/hooks/pre-commit", "scripts/lint.sh"} {
		if err := os.Chmod(filepath.Join(w.Project, f), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.CommitAll()
	w.Write("other", "y\n")
	w.CommitAll()
	for _, c := range []struct{ script, path, why string }{
		{"echo evil >>README; git update-index --assume-unchanged README", ".git/index: README", "overlook"},
		{"rm README; git update-index --skip-worktree README", ".git/index: README", "overlook"},
		{"git replace HEAD HEAD~1", ".git/refs/replace", "objects that git shows"},
		{"echo $(git rev-parse HEAD~1) refs/replace/$(git rev-parse HEAD) >>.git/packed-refs", ".git/packed-refs: ", "objects that git shows"},
		{"git rev-parse HEAD >.git/shallow", ".git/shallow", "history that git shows"},
		{"echo evil >>.git/info/exclude; touch evil", ".git/info/exclude", "hides new files"},
		{"echo '* filter=evil' >.git/info/attributes", ".git/info/attributes", "filters"},
		{"git rev-parse HEAD >.git/info/grafts", ".git/info/grafts", "history that git shows"},
		{"echo evil >>scripts/lint.sh", "scripts/lint.sh", "run by pre-commit"},
		{"mv scripts s; mkdir scripts; cp s/lint.sh scripts/; echo evil >>scripts/lint.sh", "scripts/lint.sh", "run by pre-commit"},
	} {
		r := w.Bash(c.script)
		if r.Status != 0 || !strings.Contains(r.Err, `"`+filepath.Join(w.Project, c.path)) || !strings.Contains(r.Err, c.why) {
			t.Errorf("%s: %s", c.script, r)
		}
		for _, undo := range [][]string{{"update-index", "--no-assume-unchanged", "README"}, {"update-index", "--no-skip-worktree", "README"}, {"replace", "-d", "HEAD"}} {
			if undo[0] == "update-index" || strings.Contains(c.script, "git replace") {
				w.Git(w.Project, undo...)
			}
		}
		for _, f := range []string{"info/exclude", "info/attributes", "info/grafts", "shallow", "packed-refs"} {
			_ = os.Remove(filepath.Join(w.Project, ".git", f))
		}
		w.Git(w.Project, "reset", "--quiet", "--hard")
		w.Git(w.Project, "clean", "-qfd")
	}
	// Ordinary work is not worth a word.
	if r := w.Bash("echo more >>README && git add . && git commit -qm more && git switch -qc b && git stash list && git tag t && git gc -q && git pack-refs --all && echo x >scripts/new.sh", "--strict"); r.Status != 0 || strings.Contains(r.Err, "jailed-claude") {
		t.Errorf("ordinary work: %s", r)
	}
}
