package review

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// inLayer runs bash with the usual tools in a layer over a folder.
func inLayer(w *world.World, project, script string) world.Result {
	w.T.Helper()
	return w.Bash(script, "--project-mode", "overlay", "--project", project)
}

// TestWorktreeMadeInside: a worktree that was made in a layer is one on the host after a
// yes for its git directory and its folder, and none after --undo, also where git has
// looked at it meanwhile.
func TestWorktreeMadeInside(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	if r := inLayer(w, w.Project, "git worktree add -q wt -b topic && cd wt && echo new >n && git add n && git commit -qm topic && echo dirty >>README"); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	if r := review(w, "--apply"); r.Status != 0 || w.Git(w.Project, "log", "-1", "--format=%s", "topic") != "topic\n" || strings.Contains(w.Git(w.Project, "worktree", "list"), "topic") {
		t.Fatalf("without a yes: %s", r)
	}
	if r := review(w, "--apply", "--yes-executes", "wt", "--yes-executes", ".git/worktrees"); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	wt := filepath.Join(w.Project, "wt")
	if got := w.Git(wt, "status", "--porcelain", "--branch"); got != "## topic\n M README\n" {
		t.Errorf("%q", got)
	}
	if err := os.Chtimes(filepath.Join(wt, "n"), time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	w.Git(wt, "status") // writes its index anew
	if r := review(w, "--undo"); r.Status != 0 || strings.Contains(r.Err, "left as it was") {
		t.Errorf("%s", r)
	}
	if got := w.Git(w.Project, "worktree", "list"); strings.Contains(got, "topic") {
		t.Errorf("%q", got)
	}
	if r := review(w); !strings.Contains(r.Out, ".git/worktrees/wt/index") || !strings.Contains(r.Out, "wt/.git") {
		t.Errorf("the layer has not all of it again: %s", r)
	}
}

// TestProjectIsWorktree: of a project that is a linked worktree files are applied, and
// what git wrote is named with its branches; a bundle takes commits out; to discard all
// discards that too, so that no layer is half of one state and half of another.
func TestProjectIsWorktree(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	tree := filepath.Join(w.Dir, "tree")
	w.Git(w.Project, "worktree", "add", "--quiet", tree, "-b", "topic")
	ours := func(args ...string) world.Result {
		return world.Finish(t, w.Command(append([]string{"review", "--project", tree}, args...)...))
	}
	before := w.Git(w.Project, "for-each-ref")
	if r := inLayer(w, tree, "echo in >>README && git commit -qam inside && git bundle create -q a.bundle topic && echo ordinary >o"); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	if r := ours(); !strings.Contains(r.Out, filepath.Join(w.Project, ".git")) || !strings.Contains(r.Out, "branches: 'topic'") {
		t.Errorf("%s", r)
	}
	if r := ours("--apply", "o", "a.bundle"); r.Status != 0 || w.Git(w.Project, "for-each-ref") != before || w.Git(tree, "status", "--porcelain") != "?? a.bundle\n?? o\n" {
		t.Errorf("%s", r)
	}
	if w.Git(tree, "pull", "--quiet", "a.bundle", "topic"); w.Git(tree, "log", "-1", "--format=%an %s") != "Ada Caller inside\n" {
		t.Error("the commit is not there")
	}
	if r := ours("--discard"); r.Status != 0 {
		t.Errorf("%s", r)
	}
	if r := ours(); r.Out != "" || strings.Contains(r.Err, "outside of the project") {
		t.Errorf("%s", r)
	}
	if r := inLayer(w, tree, "git status --porcelain; git log --format=%s"); r.Out != "?? a.bundle\n?? o\ninside\nfirst\n" {
		t.Errorf("the layer is not as the host: %s", r)
	}
}
