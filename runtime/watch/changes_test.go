package watch

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jailed-claude/jailed-claude/spec/contract"
)

func runGit(t *testing.T, dir string, args ...string) {
	t.Helper()
	c := exec.Command("git", append([]string{"-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"}, args...)...)
	c.Dir, c.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1"}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
}

// TestChanges: what misleads git, and what hooks run, is reported if it changed.
func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(dir string)
		want string
	}{
		"nothing": {func(string) {}, ""},
		"ordinary work": {func(dir string) {
			must(t, put("new")(dir))
			runGit(t, dir, "add", ".")
			runGit(t, dir, "commit", "-qm", "x")
		}, ""},
		"written the same":  {func(dir string) { must(t, os.WriteFile(dir+"/lint.sh", nil, 0o644)) }, ""},
		"assume-unchanged":  {func(dir string) { runGit(t, dir, "update-index", "--assume-unchanged", "a") }, `.git/index: a": overlooked`},
		"of before":         {func(dir string) { runGit(t, dir, "update-index", "--no-assume-unchanged", "b") }, ""},
		"skip-worktree":     {func(dir string) { runGit(t, dir, "update-index", "--skip-worktree", "a") }, `.git/index: a": overlooked`},
		"exclude":           {func(dir string) { must(t, os.WriteFile(dir+"/.git/info/exclude", []byte("evil\n"), 0o644)) }, `.git/info/exclude": changed: hides`},
		"a replaced object": {func(dir string) { runGit(t, dir, "replace", "HEAD", "HEAD~1") }, `.git/refs/replace": changed: replaces`},
		"a script":          {func(dir string) { must(t, os.WriteFile(dir+"/lint.sh", []byte("evil\n"), 0o644)) }, `lint.sh": changed: run by`},
		"a script is gone":  {func(dir string) { must(t, os.Remove(dir+"/lint.sh")) }, `lint.sh": changed: run by`},
		"a symlink":         {func(dir string) { must(t, os.Remove(dir+"/lint.sh")); must(t, os.Symlink("a", dir+"/lint.sh")) }, `lint.sh": changed: run by`},
	} {
		t.Run(name, func(t *testing.T) {
			before := func(dir string) {
				must(t, put("a", "b", "lint.sh")(dir))
				runGit(t, dir, "init", "-q")
				runGit(t, dir, "add", ".")
				runGit(t, dir, "commit", "-qm", "1")
				runGit(t, dir, "commit", "-qm", "2", "--allow-empty")
				runGit(t, dir, "update-index", "--assume-unchanged", "b")
			}
			annotations := func(dir string) map[string]string {
				text, err := json.Marshal(map[string]string{
					filepath.Join(dir, ".git/index"): "overlooked", filepath.Join(dir, ".git/info/exclude"): "hides",
					filepath.Join(dir, ".git/refs/replace"): "replaces", filepath.Join(dir, "lint.sh"): "run by", "/elsewhere/index": "not in the jail",
				})
				must(t, err)
				return map[string]string{contract.ChangesAnnotation: string(text)}
			}
			out := ended(t, annotations, before, c.do)
			if c.want == "" && out != "" || !strings.Contains(out, c.want) {
				t.Errorf("reported: %s", out)
			}
		})
	}
}
