package survey

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// TestInGit: of the protected paths those that git has are named, files and folders,
// whatever the version of the index.
func TestInGit(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) {
		t.Helper()
		c := exec.Command("git", args...)
		c.Dir, c.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	project := Project{Dir: dir}
	for _, name := range []string{".vscode", ".envrc", ".mcp.json", "pkg/.envrc", ".git/config"} {
		project.Protect = append(project.Protect, Path{Path: filepath.Join(dir, name)})
	}
	if got := project.InGit(); len(got) > 0 {
		t.Errorf("without git: %q", got)
	}
	git("init", "--quiet")
	for _, name := range []string{".vscode/a", ".vscode/b", ".envrc", ".mcp.json", "pkg/.envrc", ".envrc2", "pkg/.vscode"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git("add", ".vscode", "pkg", ".envrc2")
	for _, version := range []string{"2", "4"} {
		git("update-index", "--index-version", version)
		got := project.InGit()
		if slices.Sort(got); !slices.Equal(got, []string{".vscode", "pkg/.envrc"}) {
			t.Errorf("an index of version %s: %q", version, got)
		}
	}
}
