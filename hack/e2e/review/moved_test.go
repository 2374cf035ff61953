package review

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestMoved: what a layer holds, and what jails without one left on the host, comes along
// with a project whose folder is renamed, whether it is first reviewed or first worked in.
func TestMoved(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"review", "jail"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			if r := world.Finish(t, w.Base("mkdir .vscode; echo evil >.vscode/tasks.json")); r.Status != 0 {
				t.Fatalf("%s", r)
			}
			if r := inLayer(w, w.Project, "echo in >>README && git commit -qam inside && echo ordinary >o"); r.Status != 0 {
				t.Fatalf("%s", r)
			}
			if r := w.Bash("echo named >n", "--layer", "other"); r.Status != 0 {
				t.Fatalf("%s", r)
			}
			old := w.Project
			w.Project = filepath.Join(w.Dir, "elsewhere")
			if err := os.Rename(old, w.Project); err != nil {
				t.Fatal(err)
			}
			if first == "jail" {
				if r := w.Bash("git log -1 --format=%s; cat o", "--project-mode", "overlay"); r.Out != "inside\nordinary\n" || !strings.Contains(r.Err, old) {
					t.Errorf("%s", r)
				}
			}
			r := review(w)
			for _, want := range []string{".vscode", "inside", "ordinary"} {
				if !strings.Contains(r.Out, want) {
					t.Errorf("%s is not shown: %s", want, r)
				}
			}
			if first == "review" && !strings.Contains(r.Out+r.Err, old) {
				t.Errorf("nothing says where it was: %s", r)
			}
			if r := review(w, "--layer", "other"); !strings.Contains(r.Out, "named") {
				t.Errorf("%s", r)
			}
			if r := review(w, "--apply"); r.Status != 0 || w.Git(w.Project, "log", "-1", "--format=%s") != "inside\n" || w.Git(w.Project, "status", "--porcelain") != "?? .vscode/\n?? o\n" {
				t.Errorf("%s", r)
			}
			if r := review(w, "--discard", ".vscode"); r.Status != 0 || w.Git(w.Project, "status", "--porcelain") != "?? o\n" {
				t.Errorf("%s", r)
			}
			if _, err := os.Lstat(old); err == nil {
				t.Error("something was made at the old path")
			}
		})
	}
}

// TestMovedAway: another folder at the old path has nothing of it.
func TestMovedAway(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	if r := inLayer(w, w.Project, "echo ordinary >o"); r.Status != 0 {
		t.Fatalf("%s", r)
	}
	if err := os.Rename(w.Project, filepath.Join(w.Dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.Project, 0o755); err != nil {
		t.Fatal(err)
	}
	if r := review(w, "--apply"); strings.Contains(r.Out+r.Err, "applied 1") {
		t.Errorf("%s", r)
	}
	if left, err := os.ReadDir(w.Project); err != nil || len(left) > 0 {
		t.Errorf("%v %v", left, err)
	}
}
