package gitindex

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOverlooked: of every version of an index, the files that git overlooks are
// known, and of damaged ones nothing.
func TestOverlooked(t *testing.T) {
	for _, version := range []string{"2", "3", "4"} {
		t.Run(version, func(t *testing.T) {
			dir := t.TempDir()
			names := []string{"a", "deep/er/file", "deep/er/file2", "deep/x", strings.Repeat("long/", 40) + "name", "z"}
			git := func(args ...string) {
				t.Helper()
				c := exec.Command("git", args...)
				c.Dir, c.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1"}
				if out, err := c.CombinedOutput(); err != nil {
					t.Fatalf("git %q: %v: %s", args, err, out)
				}
			}
			for _, n := range names {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, n)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, n), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			git("init", "-q")
			git("add", ".")
			git("update-index", "--index-version", version)
			git("update-index", "--assume-unchanged", "deep/er/file2", "z")
			git("update-index", "--skip-worktree", "deep/x")
			if err := os.WriteFile(dir+"/new", []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			git("add", "-N", "new")
			data, err := os.ReadFile(dir + "/.git/index")
			if err != nil {
				t.Fatal(err)
			}
			l, err := Parse(data, 20, nil)
			if want := []string{"deep/er/file2", "deep/x", "z"}; err != nil || !slices.Equal(l.Overlooked, want) {
				t.Errorf("%q, %v", l.Overlooked, err)
			}
			if !slices.Equal(l.Intended, []string{"new"}) {
				t.Errorf("intended: %q", l.Intended)
			}
		})
	}
}
