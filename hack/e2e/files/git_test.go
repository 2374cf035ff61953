package files

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

func TestWorktree(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	tree := filepath.Join(w.Home, "tree")
	w.Git(w.Project, "worktree", "add", "--quiet", "-b", "side", tree)
	main := w.Project
	w.Write(main+"/secret", world.Planted)
	w.Project = tree
	out := w.Must(`git status --porcelain && echo new >new && git add new && git commit -qm 'in the worktree' && git log -1 --format=%an; cat ` + main + `/secret 2>/dev/null
		for f in .git ` + main + `/.git/config ` + main + `/.git/hooks ` + main + `/.git/worktrees/tree/commondir; do
			(echo evil >>$f) 2>/dev/null && echo "$f: written"; rm -rf $f 2>/dev/null && echo "$f: removed"; mv $f /tmp/x 2>/dev/null && echo "$f: moved"; touch $f/x 2>/dev/null && echo "$f/x: made"
		done; mv ` + main + `/.git ` + main + `/x 2>/dev/null && echo moved; mv ` + main + `/.git/worktrees ` + main + `/.git/x 2>/dev/null && echo "worktrees moved"
		true`)
	if out != "Ada Caller\n" {
		t.Errorf("inside: %s", out)
	}
	if got := strings.TrimSpace(w.Git(main, "log", "-1", "--format=%s", "side")); got != "in the worktree" {
		t.Errorf("on the host the branch ends with %q", got)
	}
	if s := w.Git(tree, "status", "--porcelain", "--ignored"); s != "" {
		t.Errorf("left in the worktree: %s", s)
	}
}

func TestSubmodule(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Repository(w.Dir + "/library")
	w.Git(w.Project, "submodule", "--quiet", "add", w.Dir+"/library", "sub")
	w.Git(w.Project, "commit", "--quiet", "-m", "submodule")
	super := w.Project
	modules := super + "/.git/modules/sub"

	// From the parent.
	out := w.Must(`git status --porcelain; cd sub && echo 1 >one && git add one && git commit -qm one && git log -1 --format=%an
		for f in ../.git/modules/sub/config ../.git/modules/sub/hooks .git ../.gitmodules; do
			(echo evil >>$f) 2>/dev/null && echo "$f: written"; touch $f/x 2>/dev/null && echo "$f/x: made"; mv $f /tmp/x 2>/dev/null && echo "$f: moved"; done
		mv ../.git/modules ../.git/x 2>/dev/null && echo "modules moved"; mv ../.git/modules/sub ../.git/modules/x 2>/dev/null && echo "sub moved"; true`)
	if out != "Ada Caller\n" {
		t.Errorf("inside the parent: %s", out)
	}

	// In the submodule alone, whose git directory lies elsewhere.
	w.Project = super + "/sub"
	out = w.Must(`git status --porcelain; echo 2 >two && git add two && git commit -qm two && git log -1 --format=%an; ls ` + super + `
		for f in ` + modules + `/config ` + modules + `/hooks .git; do (echo evil >>$f) 2>/dev/null && echo "$f: written"; touch $f/x 2>/dev/null && echo "$f/x: made"; done; true`)
	if out != "Ada Caller\nsub\n" {
		t.Errorf("inside the submodule: %s", out)
	}
	if got := w.Git(w.Project, "log", "-2", "--format=%s"); got != "two\none\n" {
		t.Errorf("on the host: %q", got)
	}
}
