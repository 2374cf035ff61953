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

// linked is a linked worktree of the project's repository, and review in it.
func linked(t *testing.T, w *world.World) (tree string, ours func(args ...string) world.Result) {
	t.Helper()
	tree = filepath.Join(w.Dir, "tree")
	w.Git(w.Project, "worktree", "add", "--quiet", tree, "-b", "topic")
	return tree, func(args ...string) world.Result {
		t.Helper()
		return world.Finish(t, w.Command(append([]string{"review", "--project", tree}, args...)...))
	}
}

// TestProjectIsWorktree: of a project that is a linked worktree commits, branches, HEAD and
// the index go over as of any other, and back; to discard all discards that too, so that no
// layer is half of one state and half of another.
func TestProjectIsWorktree(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	tree, ours := linked(t, w)
	state := func() string {
		return w.Git(w.Project, "for-each-ref") + w.Git(tree, "status", "--porcelain", "--branch") + w.Git(w.Project, "status", "--porcelain", "--branch") + w.Git(tree, "stash", "list")
	}
	before, refs := state(), w.Git(w.Project, "for-each-ref")
	const work = `echo in >>README && git commit -qam inside && git switch -qc second && echo s >s && git add s && git commit -qm 'on second' && git tag v1 && echo staged >staged && git add staged && echo dirty >>README && git branch gone && git branch -D gone -q`
	if r := inLayer(w, tree, work+"; echo '#!/bin/sh' >$(git rev-parse --git-path hooks/post-commit); git config core.pager evil; git status --porcelain --branch"); r.Status != 0 || r.Out != "## second\n M README\nA  staged\n" {
		t.Fatalf("%s", r)
	}
	if after := state(); after != before {
		t.Fatalf("the layer lets through: %s", after)
	}
	r := ours()
	hooks := filepath.Join(w.Project, ".git/hooks/post-commit")
	for _, want := range []string{"inside", "on second", "refs/tags/v1", "HEAD: ref: refs/heads/second", "staged differently: 3", "core.pager", hooks + ": git hooks"} {
		if !strings.Contains(r.Out, want) {
			t.Errorf("%q is not shown: %s", want, r)
		}
	}
	if strings.Index(r.Out, hooks) > strings.Index(r.Out, "inside") {
		t.Errorf("the hook is not first: %s", r)
	}
	if r := ours("--apply", "README"); r.Status != 0 || w.Git(w.Project, "for-each-ref") != refs || w.Git(tree, "status", "--porcelain") != " M README\n" {
		t.Errorf("a file alone: %s", r)
	}
	if r := ours("--apply"); r.Status != 0 {
		t.Errorf("%s", r)
	}
	if got := w.Git(tree, "status", "--porcelain", "--branch"); got != "## second\n M README\nA  staged\n" {
		t.Errorf("%q", got)
	}
	if got := w.Git(tree, "log", "--format=%an %s", "second"); got != "Ada Caller on second\nAda Caller inside\n"+w.Git(w.Project, "log", "--format=%an %s") {
		t.Errorf("%q", got)
	}
	w.Git(tree, "fsck", "--strict")
	if _, err := os.Lstat(hooks); err == nil || w.Git(w.Project, "config", "--default", "", "core.pager") != "\n" {
		t.Error("what waits for a yes is on the host")
	}
	if got := w.Git(w.Project, "status", "--porcelain", "--branch"); got != "## main\n" {
		t.Errorf("the main working tree: %q", got)
	}
	// Both are as after git on the host.
	if r := inLayer(w, tree, "git status --porcelain --branch; git log -1 --format=%s"); r.Out != "## second\n M README\nA  staged\non second\n" || strings.Contains(r.Err, "git on the host changed") {
		t.Errorf("%s", r)
	}
	if r := ours("--apply", "--yes-executes", hooks); r.Status != 0 {
		t.Errorf("%s", r)
	} else if _, err := os.Lstat(hooks); err != nil {
		t.Errorf("%s: %v", r, err)
	}
	if r := ours("--undo"); r.Status != 0 {
		t.Errorf("%s", r)
	}
	if r := ours("--discard"); r.Status != 0 {
		t.Errorf("%s", r)
	}
	if r := ours(); r.Out != "" || strings.Contains(r.Out+r.Err, hooks) {
		t.Errorf("%s", r)
	}
}

// TestWorktreeUndo: what was applied of a linked worktree is taken back, and the layer has
// it again.
func TestWorktreeUndo(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	tree, ours := linked(t, w)
	state := func() string {
		return w.Git(w.Project, "for-each-ref") + w.Git(tree, "status", "--porcelain", "--branch") + w.Git(tree, "log", "--format=%s")
	}
	before := state()
	if r := inLayer(w, tree, "echo in >>README; git commit -qam inside; echo n >n; git stash -qu; echo o >o"); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	if r := ours("--apply"); r.Status != 0 || w.Git(tree, "log", "-1", "--format=%s") != "inside\n" || !strings.Contains(w.Git(tree, "stash", "list"), "inside") {
		t.Errorf("%s", r)
	}
	if r := ours("--undo"); r.Status != 0 || state() != before {
		t.Errorf("%s\n%s\nnot\n%s", r, state(), before)
	}
	if r := ours("--apply"); r.Status != 0 || w.Git(tree, "log", "-1", "--format=%s") != "inside\n" || w.Git(tree, "status", "--porcelain") != "?? o\n" {
		t.Errorf("%s", r)
	}
}

// TestWorktreeConflicts: branches that the host moved meanwhile, or has checked out in
// another working tree, stay as they are, and so do files of another working tree.
func TestWorktreeConflicts(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	tree, ours := linked(t, w)
	w.Git(w.Project, "branch", "other")
	if r := inLayer(w, tree, `echo in >>README; git commit -qam inside; git update-ref refs/heads/main HEAD; git branch -qf other HEAD; echo ref: refs/heads/evil >"$(git rev-parse --git-common-dir)/HEAD"`); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	w.Git(w.Project, "update-ref", "refs/heads/other", strings.TrimSpace(w.Git(w.Project, "commit-tree", "-m", "host", "-p", "main", "main^{tree}")))
	theirs := w.Git(w.Project, "rev-parse", "main", "other")
	if r := ours(); !strings.Contains(r.Out, "another working tree of the host has it checked out") || !strings.Contains(r.Out, filepath.Join(w.Project, ".git/HEAD")+": it belongs to another working tree") || !strings.Contains(r.Out, "the host's ref was changed meanwhile") {
		t.Errorf("%s", r)
	}
	if r := ours("--apply"); r.Status != 125 || w.Git(w.Project, "rev-parse", "main", "other") != theirs {
		t.Errorf("%s", r)
	}
	if got := w.Git(w.Project, "status", "--porcelain", "--branch"); got != "## main\n" || w.Git(tree, "log", "-1", "--format=%s") != "inside\n" {
		t.Errorf("%q", got)
	}
}
