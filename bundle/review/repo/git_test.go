package repo

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMonitor: a git that runs in the project's git directory asks no monitor of the
// project's. That it would is seen first.
func TestMonitor(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not on PATH")
	}
	project, ran := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	dir := filepath.Join(project, ".git")
	there := func() bool {
		_, err := os.Lstat(ran)
		return err == nil
	}
	for _, args := range [][]string{{"init", "-q"}, {"config", "core.fsmonitor", "touch " + ran + "; false"}, {"status"}} {
		c := exec.Command("git", args...)
		c.Dir, c.Env = project, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	if !there() {
		t.Fatal("git asks no monitor: the test shows nothing")
	}
	if err := os.Remove(ran); err != nil {
		t.Fatal(err)
	}
	g, err := newGit(filepath.Join(t.TempDir(), "own"), project, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.in(dir, []string{"GIT_WORK_TREE=" + project}, nil, "status"); err != nil {
		t.Fatal(err)
	}
	if there() {
		t.Error("git ran a program of the project's")
	}
}
