package files

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/hack/e2e/world"
)

// linked makes a repository inside, whose fsmonitor is a program, and a gitlink
// to it in the index of the repository around it.
func linked(place string) string {
	return fmt.Sprintf(`git init -q %[1]s && git -C %[1]s commit -q --allow-empty -m x && git add -f %[1]s 2>/dev/null
git -C %[1]s config core.fsmonitor "touch $PWD/executed; :"
`, place)
}

// TestRepositoriesOfTheIndex: plain "git status" enters a repository to which the
// index leads, wherever it lies, so each is reported.
func TestRepositoriesOfTheIndex(t *testing.T) {
	t.Parallel()
	const decoys = `for i in $(seq 5000); do d="$d a/$i"; done; mkdir -p $d; `
	for name, c := range map[string]struct{ place, before, after string }{
		"node_modules":      {place: "node_modules/m"},
		"an environment":    {place: ".venv/lib/x"},
		"a Rust build":      {place: "target/r", before: "mkdir target; touch target/CACHEDIR.TAG; "},
		"in a tool's cache": {place: "a/.cache/b/.terraform/r"},
		"deep":              {place: "1/2/3/4/5/6/7/8"},
		"behind decoys":     {place: "zzz/z", before: decoys},
		"version 4":         {place: "node_modules/m", after: "git update-index --index-version 4"},
		"a split index":     {place: "node_modules/m", after: "git update-index --split-index; touch y; git add y"},
		"split before":      {place: "node_modules/m", before: "git update-index --split-index; "},
		"in one that is there": {
			place: "held/node_modules/m", before: "cd held; ", after: "",
		},
		"in one that is linked": {
			place: "node_modules/m", after: "mkdir -p node_modules/m/node_modules; cd node_modules/m; " + linked("node_modules/k"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t)
			w.Repository(filepath.Join(w.Project, "held"))
			w.Git(w.Project, "add", "held")
			place := strings.TrimPrefix(c.place, "held/")
			r := w.Bash(c.before + linked(place) + c.after)
			want := `"` + filepath.Join(w.Project, c.place, ".git") + `": `
			if !strings.Contains(r.Err, want) || strings.Contains(r.Err, "as soon as a branch") {
				t.Errorf("not reported as what it is: %s", r)
			}
			if name == "in one that is linked" && !strings.Contains(r.Err, "/node_modules/m/node_modules/k/.git") {
				t.Errorf("what it leads to itself is not reported: %s", r)
			}
			if decoyed := c.before == decoys; strings.Contains(r.Err, "looked for in the first 4096 folders") != decoyed {
				t.Errorf("whether the search was bounded: %s", r)
			}
			// What the report is about: git on the host executes it.
			marks := []string{w.Project + "/executed", w.Project + "/held/executed", w.Project + "/node_modules/m/executed"}
			for _, m := range marks {
				_ = os.Remove(m)
			}
			w.Git(w.Project, "status", "--short")
			if !slices.ContainsFunc(marks, func(m string) bool { _, err := os.Stat(m); return err == nil }) {
				t.Error("git status did not execute it: the test tests nothing")
			}
		})
	}
}

// TestRepositoryOfABranch: no index leads to a repository in a folder of tools, but a
// branch does: "git switch" on the host brings that index.
func TestRepositoryOfABranch(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	w.Write(".gitignore", "node_modules/\n")
	w.CommitAll()
	r := w.Bash("git switch -q -c feature; " + linked("node_modules/m") + "git commit -qm work; git switch -q main 2>/dev/null; git status --short")
	if r.Status != 0 || r.Out != "" || !strings.Contains(r.Err, `"`+filepath.Join(w.Project, "node_modules/m/.git")+`": `) {
		t.Errorf("not reported: %s", r)
	}
	w.Git(w.Project, "switch", "-q", "feature")
	w.Git(w.Project, "status", "--short")
	if _, err := os.Stat(filepath.Join(w.Project, "executed")); err != nil {
		t.Error("git status did not execute it: the test tests nothing")
	}
	// What tools clone there is not worth a word.
	if r := w.Bash("git clone -q . .terraform/modules/x"); r.Status != 0 || r.Err != "" {
		t.Errorf("a clone: %s", r)
	}
}

// TestGitWritesThroughSymlinks: what git on the host writes by itself, it writes
// through a symlink: the message of MERGE_MSG to where COMMIT_EDITMSG leads.
func TestGitWritesThroughSymlinks(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--strict"}} {
		w := world.New(t)
		rc := w.Write(w.Home+"/.bashrc", "# mine\n")
		r := w.Bash(`echo "touch executed" >.git/MERGE_MSG; rm -f .git/COMMIT_EDITMSG; ln -s `+rc+` .git/COMMIT_EDITMSG; [ "$FOR" = "" ] || sleep 60`, append(flags, "--env", "FOR="+strings.Join(flags, ""))...)
		status := 0
		if flags != nil {
			status = 125
		}
		if r.Status != status || !strings.Contains(r.Err, `"`+filepath.Join(w.Project, ".git/COMMIT_EDITMSG")+`": a symlink to "`+rc) {
			t.Errorf("not named: %s", r)
		}
		c := exec.Command("git", "commit", "-q", "--allow-empty")
		c.Dir, c.Env = w.Project, append(w.Environ(), "GIT_EDITOR=true")
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(w.Read(rc), "touch executed") {
			t.Errorf("git did not write there: the test tests nothing: %v %s", err, out)
		}
	}
}

// TestRepositoriesOfTheIndexAreHeld: one that is there at the start is protected,
// and not reported.
func TestRepositoriesOfTheIndexAreHeld(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	var files []string
	for _, p := range []string{"node_modules/m", "1/2/3/4/5/6", ".venv/x", "1/2/3/4/5/6/.cache/k"} {
		dir := filepath.Join(w.Project, p)
		w.Repository(dir)
		w.Write(p+"/.git/hooks/post-checkout", "#!/bin/sh\n")
		files = append(files, p+"/.git/config", p+"/.git/hooks/post-checkout")
	}
	w.Git(w.Project+"/1/2/3/4/5/6", "add", "-f", ".cache/k")
	w.Git(w.Project, "add", "-f", "node_modules/m", "1/2/3/4/5/6", ".venv/x")
	w.Holds(files)
	if r := w.Bash("cd node_modules/m && touch y && git add y && git commit -qm y && cd ../.. && git add node_modules/m", "--strict"); r.Status != 0 || r.Err != "" {
		t.Errorf("ordinary work: %s", r)
	}
}

// TestNewGitDirectories: what appears in the git directory, or is one, and git
// would execute.
func TestNewGitDirectories(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	tree := "mkdir -p .git/worktrees/x; echo ../.. >.git/worktrees/x/commondir; echo " + w.Project + "/x/.git >.git/worktrees/x/gitdir; cp .git/HEAD .git/worktrees/x; "
	for script, want := range map[string]string{
		"git init -q --bare sub/r":                                                  "sub/r/HEAD",
		"mkdir -p s/objects s/refs; cp .git/HEAD .git/config s":                     "s/HEAD",
		"git init -q --bare .git/modules/x":                                         ".git/modules/x",
		"git init -q --bare .git/modules/a/b/c":                                     ".git/modules/a/b/c",
		tree + "echo x >.git/worktrees/x/config.worktree":                           ".git/worktrees/x/config.worktree",
		tree + "echo ../../../s >.git/worktrees/x/commondir":                        ".git/worktrees/x/commondir",
		"mkdir .git/rebase-merge; echo 'exec x' >.git/rebase-merge/git-rebase-todo": ".git/rebase-merge/git-rebase-todo",
		"mkdir .git/rebase-merge; echo ' x y' >.git/rebase-merge/git-rebase-todo":   ".git/rebase-merge/git-rebase-todo",
		"mkdir -p .git/info; echo '* filter=x' >.git/info/attributes":               ".git/info/attributes",
		"rm .git/index; mkfifo .git/index":                                          ".git/index",
		"echo x >.git/index":                                                        ".git/index",
		"mv .git/index idx; ln -s ../idx .git/index":                                ".git/index",
		tree: "",
		"git stash -q 2>/dev/null; echo x >x; git add x; git commit -qm x; git rebase -q --root; git gc -q": "",
	} {
		r := w.Bash(script)
		if want == "" && r.Err != "" || want != "" && !strings.Contains(r.Err, `"`+filepath.Join(w.Project, want)+`": `) {
			t.Errorf("%s: %q is not reported: %s", script, want, r)
		}
		// With its state: another folder at its path is named.
		if err := errors.Join(os.RemoveAll(w.Project), os.RemoveAll(w.Home+"/.local/state")); err != nil {
			t.Fatal(err)
		}
		w.Repository(w.Project)
	}
}
