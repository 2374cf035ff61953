package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestWorktree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tree := filepath.Join(w.home, "tree")
	w.git(w.project, "worktree", "add", "--quiet", "-b", "side", tree)
	main := w.project
	w.write(main+"/secret", planted)
	w.project = tree
	out := w.must(`git status --porcelain && echo new >new && git add new && git commit -qm 'in the worktree' && git log -1 --format=%an; cat ` + main + `/secret 2>/dev/null
		for f in .git ` + main + `/.git/config ` + main + `/.git/hooks ` + main + `/.git/worktrees/tree/commondir; do
			(echo evil >>$f) 2>/dev/null && echo "$f: written"; rm -rf $f 2>/dev/null && echo "$f: removed"; mv $f /tmp/x 2>/dev/null && echo "$f: moved"; touch $f/x 2>/dev/null && echo "$f/x: made"
		done; mv ` + main + `/.git ` + main + `/x 2>/dev/null && echo moved; mv ` + main + `/.git/worktrees ` + main + `/.git/x 2>/dev/null && echo "worktrees moved"
		true`)
	if out != "Ada Caller\n" {
		t.Errorf("inside: %s", out)
	}
	if got := strings.TrimSpace(w.git(main, "log", "-1", "--format=%s", "side")); got != "in the worktree" {
		t.Errorf("on the host the branch ends with %q", got)
	}
	if s := w.git(tree, "status", "--porcelain", "--ignored"); s != "" {
		t.Errorf("left in the worktree: %s", s)
	}
}

func TestSubmodule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.repository(w.dir + "/library")
	w.git(w.project, "submodule", "--quiet", "add", w.dir+"/library", "sub")
	w.git(w.project, "commit", "--quiet", "-m", "submodule")
	super := w.project
	modules := super + "/.git/modules/sub"

	// From the parent.
	out := w.must(`git status --porcelain; cd sub && echo 1 >one && git add one && git commit -qm one && git log -1 --format=%an
		for f in ../.git/modules/sub/config ../.git/modules/sub/hooks .git ../.gitmodules; do
			(echo evil >>$f) 2>/dev/null && echo "$f: written"; touch $f/x 2>/dev/null && echo "$f/x: made"; mv $f /tmp/x 2>/dev/null && echo "$f: moved"; done
		mv ../.git/modules ../.git/x 2>/dev/null && echo "modules moved"; mv ../.git/modules/sub ../.git/modules/x 2>/dev/null && echo "sub moved"; true`)
	if out != "Ada Caller\n" {
		t.Errorf("inside the parent: %s", out)
	}

	// In the submodule alone, whose git directory lies elsewhere.
	w.project = super + "/sub"
	out = w.must(`git status --porcelain; echo 2 >two && git add two && git commit -qm two && git log -1 --format=%an; ls ` + super + `
		for f in ` + modules + `/config ` + modules + `/hooks .git; do (echo evil >>$f) 2>/dev/null && echo "$f: written"; touch $f/x 2>/dev/null && echo "$f/x: made"; done; true`)
	if out != "Ada Caller\nsub\n" {
		t.Errorf("inside the submodule: %s", out)
	}
	if got := w.git(w.project, "log", "-2", "--format=%s"); got != "two\none\n" {
		t.Errorf("on the host: %q", got)
	}
}
