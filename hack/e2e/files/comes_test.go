package files

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// TestComesAndGoesIsNamed: a prompt or an editor that polls needs a file for a
// moment only. What is gone again before the end is named all the same.
func TestComesAndGoesIsNamed(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]struct{ do, path string }{
		"a file":              {"echo x >.envrc; rm .envrc", ".envrc"},
		"moved in and out":    {"echo x >a; mv a .envrc; mv .envrc a; rm a", ".envrc"},
		"of git":              {"echo x >.git/config.worktree; rm .git/config.worktree", ".git/config.worktree"},
		"in a folder of then": {"mkdir .vscode; echo {} >.vscode/tasks.json; rm -r .vscode", ".vscode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			if r := w.Bash(script.do); r.Status != 0 || !strings.Contains(r.Err, filepath.Join(w.Project, script.path)) || !strings.Contains(r.Err, "is gone again") {
				t.Errorf("not named: %s", r)
			}
		})
	}
}

// TestComesAndGoesInFolders: the same in any folder of a project. It takes a moment
// until all are listened to, so it comes and goes again and again.
func TestComesAndGoesInFolders(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]struct{ once, do, path string }{
		"a file":          {"mkdir -p src/a", "echo x >src/a/.envrc; rm src/a/.envrc", "src/a/.envrc"},
		"a repository":    {"mkdir -p src/a", "git init -q src/a; rm -rf src/a/.git", "src/a/.git"},
		"in a new folder": {":", "mkdir -p new/deep; sleep 0.3; echo {} >new/deep/.mcp.json; rm -r new", "new/deep/.mcp.json"},
		"a settings file": {"mkdir pkg", "mkdir pkg/.claude; sleep 0.3; echo {} >pkg/.claude/settings.json; rm -r pkg/.claude", "pkg/.claude/settings.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			r := w.Bash(script.once + "; for i in $(seq 20); do " + script.do + "; sleep 0.5; done")
			if r.Status != 0 || !strings.Contains(r.Err, filepath.Join(w.Project, script.path)+`": `) || !strings.Contains(r.Err, "is gone again") {
				t.Errorf("not named: %s", r)
			}
		})
	}
}

// TestStrictEndsAtARepository: --strict hears of git repositories in subfolders
// when they are made, and of what matters in any folder.
func TestStrictEndsAtARepository(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]struct{ do, path string }{
		"git init":       {"git init -q sub", "sub/.git"},
		"in new folders": {"mkdir -p a/b; cd a/b; git init -q .", "a/b/.git"},
		// Again and again: it takes a moment until a new folder is listened to.
		"and gone again":      {"mkdir sub; for i in $(seq 60); do sleep 0.5; git init -q sub; rm -rf sub/.git; done", "sub/.git"},
		"a pointer elsewhere": {"git init -q /tmp/r; mkdir sub; echo gitdir: /tmp/r/.git >sub/.git", "sub/.git"},
		"a name of any":       {"mkdir -p pkg; for i in $(seq 60); do sleep 0.5; echo x >pkg/.envrc; rm pkg/.envrc; done", "pkg/.envrc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			r := w.Bash(script.do+"; sleep 60", "--strict")
			if r.Status != 125 || !strings.Contains(r.Err, "--strict ended the jail") || !strings.Contains(r.Err, filepath.Join(w.Project, script.path)) {
				t.Errorf("not ended: %s", r)
			}
		})
	}
}

// TestWorktreeMadeInside: a worktree of the project's own repository has no hooks
// and no configuration of its own, so it is no new repository; unless it says so.
func TestWorktreeMadeInside(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--strict"}} {
		w := world.New(t)
		if r := w.Bash("git worktree add -q wt && cd wt && echo more >>README && git commit -qam inside && sleep 2", flags...); r.Status != 0 || r.Err != "" {
			t.Errorf("%q: told of it, or ended: %s", flags, r)
		}
	}
	w := world.New(t)
	if r := w.Bash("git worktree add -q wt && echo /tmp/x >.git/worktrees/wt/commondir"); !strings.Contains(r.Err, "wt") {
		t.Errorf("another repository, and not named: %s", r)
	}
}
